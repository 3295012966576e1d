"""Makes the model of a server say NaN, which the server notices and answers with HTTP 500."""

from lab.faults import PREDICTOR, SERVER, Parameter, duration, predictor

HELP = "make the model say NaN in a share of the inferences; such a request gets HTTP 500"
DETAIL = "PUT /faults NaN"
PLACES = (SERVER,)
PARAMETERS = {
    "rate": Parameter(1, "", 0.001, 1, "share of the requests"),
    "duration_s": duration(),
}
ENDS = True
LIMIT = PREDICTOR

_switch = predictor.Switch(lambda it: {"nan_rate": it["rate"]})
inject, undo, why_not = _switch.inject, _switch.undo, _switch.why_not
took_effect, ended = _switch.took_effect, _switch.ended
