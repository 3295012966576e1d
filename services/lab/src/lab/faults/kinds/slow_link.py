"""Makes the link from a server slow: the bodies of its replies trickle."""

from lab.faults import PREDICTOR, SERVER, Parameter, duration, predictor

HELP = "send the bodies of the replies slowly: a slow link on the way back"
DETAIL = "PUT /faults slow link"
PLACES = (SERVER,)
PARAMETERS = {
    "bytes_per_s": Parameter(50, "bytes/s", 1, 1_000_000, "how fast a body is sent (one has about 60 bytes)"),
    "duration_s": duration(),
}
ENDS = True
LIMIT = PREDICTOR

_switch = predictor.Switch(lambda it: {"reply_bytes_per_s": it["bytes_per_s"]})
inject, undo, why_not = _switch.inject, _switch.undo, _switch.why_not
took_effect, ended = _switch.took_effect, _switch.ended
