"""Makes an inference thread hang; health routes and everything else in the process go on."""

from lab.faults import PREDICTOR, SERVER, duration, predictor

HELP = "let an inference thread hang; the process answers all else"
DETAIL = "PUT /faults stuck worker"
PLACES = (SERVER,)
PARAMETERS = {"duration_s": duration()}
ENDS = True
LIMIT = PREDICTOR

_switch = predictor.Switch(lambda _: {"stuck_worker": True})
inject, undo, why_not = _switch.inject, _switch.undo, _switch.why_not
took_effect, ended = _switch.took_effect, _switch.ended
