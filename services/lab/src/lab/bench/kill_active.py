"""The scenario kill-active again and again: no request lost, and of none unknown what became."""

from lab.bench import Bench, Figures
from lab.experiment import series

HELP = "the scenario kill-active TRIALS times (a topology with a standby)"


def measure(bench: Bench) -> Figures:
    """Return losses, requests of unknown fate, and the time to promotion."""
    done = series.run(bench, "kill-active", bench.trials)
    return [
        *series.zero_in_all(done, [("requests lost", "lost"), ("requests of unknown fate", "unknown")]),
        done.figure("standby in rotation", "in_rotation_ms", 200, "ms", "maximum"),
    ]
