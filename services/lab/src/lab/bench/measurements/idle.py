"""What the controller itself uses when nothing happens, by its own process metrics."""

import time

import httpx

from lab.bench import Bench
from lab.bench.figures import Figures, below

WATCH_S = 20.0
CPU_PERCENT, MEMORY_MB = 2.0, 80.0


def measure(bench: Bench) -> Figures:
    """Return the share of a core (%) and the resident memory (MB)."""
    shares, sizes = [], []
    for _ in range(min(bench.trials, 3)):
        begun, cpu_s = time.monotonic(), _metric(bench, "process_cpu_seconds_total")
        time.sleep(WATCH_S)
        used_s = _metric(bench, "process_cpu_seconds_total") - cpu_s
        shares.append(100 * used_s / (time.monotonic() - begun))
        sizes.append(_metric(bench, "process_resident_memory_bytes") / 1e6)
    return [
        below("controller: CPU when idle, of a core", CPU_PERCENT, "%", shares),
        below("controller: memory", MEMORY_MB, "MB", sizes),
    ]


def _metric(bench: Bench, name: str) -> float:
    text = httpx.get(f"{bench.settings.controller_url}/metrics", timeout=5, trust_env=False).text
    return next(float(line.split()[1]) for line in text.splitlines() if line.startswith(f"{name} "))
