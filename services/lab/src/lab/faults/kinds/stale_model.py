"""Makes a server say that it serves an old model: X-Model-Version and /info. Its answers stay as they are."""

from lab.faults import PREDICTOR, SERVER, duration, predictor

HELP = "claim to serve an old version of the model (X-Model-Version, /info)"
DETAIL = "PUT /faults stale model"
PLACES = (SERVER,)
PARAMETERS = {"duration_s": duration()}
ENDS = True
LIMIT = PREDICTOR

VERSION = "0.0.1-stale"

_switch = predictor.Switch(lambda _: {"model_version": VERSION})
inject, undo, why_not = _switch.inject, _switch.undo, _switch.why_not
took_effect, ended = _switch.took_effect, _switch.ended
