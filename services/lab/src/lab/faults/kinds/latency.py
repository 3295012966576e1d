"""Makes a server slow: each prediction waits, without using CPU. The health route stays fast."""

from lab.faults import PREDICTOR, SERVER, Parameter, duration, predictor

HELP = "add latency to each prediction of the server, fixed and random"
DETAIL = "PUT /faults latency"
PLACES = (SERVER,)
PARAMETERS = {
    "latency_ms": Parameter(300, "ms", 0, 60_000, "added to each prediction"),
    "jitter_ms": Parameter(0, "ms", 0, 60_000, "a uniform 0 to this is added as well"),
    "duration_s": duration(),
}
ENDS = True
LIMIT = PREDICTOR

_switch = predictor.Switch(lambda it: {"latency_ms": it["latency_ms"], "latency_jitter_ms": it["jitter_ms"]})
inject, undo, why_not = _switch.inject, _switch.undo, _switch.why_not
took_effect, ended = _switch.took_effect, _switch.ended
