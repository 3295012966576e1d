"""Makes a server say that it is not ready, while it answers every request."""

from lab.faults import PREDICTOR, SERVER, duration, predictor

HELP = "answer the readiness check with 503, predictions as ever"
DETAIL = "PUT /faults unready"
PLACES = (SERVER,)
PARAMETERS = {"duration_s": duration()}
ENDS = True
LIMIT = PREDICTOR

_switch = predictor.Switch(lambda _: {"unready": True})
inject, undo, why_not = _switch.inject, _switch.undo, _switch.why_not
took_effect, ended = _switch.took_effect, _switch.ended
