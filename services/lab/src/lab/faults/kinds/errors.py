"""Makes a server answer with HTTP 500 at a rate. Its health route finds nothing wrong."""

from lab.faults import PREDICTOR, SERVER, Parameter, duration, predictor

HELP = "answer a share of the requests with HTTP 500"
DETAIL = "PUT /faults errors"
PLACES = (SERVER,)
PARAMETERS = {
    "rate": Parameter(0.5, "", 0.001, 1, "share of the requests"),
    "duration_s": duration(),
}
ENDS = True
LIMIT = PREDICTOR

_switch = predictor.Switch(lambda it: {"error_rate": it["rate"]})
inject, undo, why_not = _switch.inject, _switch.undo, _switch.why_not
took_effect, ended = _switch.took_effect, _switch.ended
