"""Makes a server say that it serves an old model: X-Model-Version and /info.

Its answers stay as they are.
"""

from lab.faults.predictor import Switch

FAULT = Switch("PUT /faults stale model", {"model_version": "0.0.1-stale"})
