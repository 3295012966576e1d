"""Makes an inference hang; health routes and everything else in the process go on."""

from lab.faults.predictor import Switch

FAULT = Switch("PUT /faults stuck worker", {"stuck_worker": True})
