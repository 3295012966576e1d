"""The scenario kill-active again and again: losses, slowest requests, time to promotion."""

from lab.bench import Bench, Figures, series

HELP = "the scenario kill-active TRIALS times (a topology with a standby)"
ROTATION_MEDIAN_MS, ROTATION_MAX_MS, SLOWEST_MS = 40, 100, 60


def measure(bench: Bench) -> Figures:
    """Return losses, requests of unknown fate, slowest requests and promotion times."""
    done = series.run(bench, "kill-active", bench.trials)
    sent = sum(done.values("sent"))
    return [
        done.figure(f"requests lost, of {sent:.0f}", "lost", 0),
        *series.at_stake(done),
        done.figure("requests refused", "shed", 0),
        done.figure("requests of unknown fate", "unknown", 0),
        done.figure(
            "slowest request in the second after the kill, above the usual p99",
            "above_usual_ms",
            SLOWEST_MS,
            "ms",
            "median",
        ),
        done.figure("kill to standby in rotation", "in_rotation_ms", ROTATION_MEDIAN_MS, "ms", "median"),
        done.figure("kill to standby in rotation", "in_rotation_ms", ROTATION_MAX_MS, "ms", "maximum"),
    ]
