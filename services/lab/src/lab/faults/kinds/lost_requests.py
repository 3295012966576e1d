"""Loses requests on the way there: the server reads them, and nothing comes of it."""

from lab.faults import PREDICTOR, SERVER, Parameter, duration, predictor

HELP = "read a share of the requests and never answer: one-way loss on the way to the server"
DETAIL = "PUT /faults lost requests"
PLACES = (SERVER,)
PARAMETERS = {
    "rate": Parameter(0.3, "", 0.001, 1, "share of the requests"),
    "duration_s": duration(),
}
ENDS = True
LIMIT = PREDICTOR

_switch = predictor.Switch(lambda it: {"lost_request_rate": it["rate"]})
inject, undo, why_not = _switch.inject, _switch.undo, _switch.why_not
took_effect, ended = _switch.took_effect, _switch.ended
