"""Makes a server slow: each prediction waits, without using CPU. The health route stays fast."""

from lab.faults import Parameter, Switch

FAULT = Switch(
    "PUT /faults latency",
    latency_ms=Parameter(300, "ms", 0, 60_000, "added to each prediction"),
    jitter_ms=Parameter(0, "ms", 0, 60_000, "0 to this is added, too (uniform)", "latency_jitter_ms"),
)
