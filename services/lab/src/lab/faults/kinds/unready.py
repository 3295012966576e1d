"""Makes a server answer the readiness check with 503, and every prediction as ever."""

from lab.faults.predictor import Switch

FAULT = Switch("PUT /faults unready", {"unready": True})
