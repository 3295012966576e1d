"""Makes the link from a server slow: the bodies of its replies trickle."""

from lab.faults.contract import Parameter
from lab.faults.predictor import Switch

FAULT = Switch(
    "PUT /faults slow link",
    bytes_per_s=Parameter(50, "bytes/s", 1, 1_000_000, "of a body (about 60 bytes)", "reply_bytes_per_s"),
)
