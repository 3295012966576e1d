"""Makes a server answer wrong with status 200: the probability p becomes 1 - p."""

from lab.faults import PREDICTOR, SERVER, Parameter, duration, predictor

HELP = "answer a share of the requests wrong, with status 200; the golden inputs go the same way"
DETAIL = "PUT /faults wrong answers"
PLACES = (SERVER,)
PARAMETERS = {
    "rate": Parameter(1, "", 0.001, 1, "share of the requests"),
    "duration_s": duration(),
}
ENDS = True
LIMIT = PREDICTOR

_switch = predictor.Switch(lambda it: {"wrong_rate": it["rate"]})
inject, undo, why_not = _switch.inject, _switch.undo, _switch.why_not
took_effect, ended = _switch.took_effect, _switch.ended
