"""Makes a server slow: each prediction waits, without using CPU. The health route stays fast."""

from lab.faults import contract, predictor

FAULT = predictor.Switch(
    "PUT /faults latency",
    latency_ms=contract.Parameter(300, "ms", 0, 60_000, "added to each prediction"),
    jitter_ms=contract.Parameter(0, "ms", 0, 60_000, "uniform, 0 to this is added", "latency_jitter_ms"),
)
