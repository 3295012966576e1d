"""Loses replies: the server does the work, and nobody hears of it. A retry does it twice."""

from lab.faults import PREDICTOR, SERVER, Parameter, duration, predictor

HELP = "compute a share of the requests and never answer: one-way loss on the way back"
DETAIL = "PUT /faults lost replies"
PLACES = (SERVER,)
PARAMETERS = {
    "rate": Parameter(0.3, "", 0.001, 1, "share of the requests"),
    "duration_s": duration(),
}
ENDS = True
LIMIT = PREDICTOR

_switch = predictor.Switch(lambda it: {"lost_reply_rate": it["rate"]})
inject, undo, why_not = _switch.inject, _switch.undo, _switch.why_not
took_effect, ended = _switch.took_effect, _switch.ended
