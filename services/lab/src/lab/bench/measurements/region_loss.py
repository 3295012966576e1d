"""The scenario region-loss: every server of a region dies; nothing is lost after the first 100 ms."""

import math

from lab.bench import Bench, Figures, series

HELP = "the scenario region-loss 10 times"
TRIALS_MAX = 10


def measure(bench: Bench) -> Figures:
    """Return the losses after the first 100 ms, and those within them for information."""
    done = series.run(bench, "region-loss", min(bench.trials, TRIALS_MAX))
    return [
        done.figure(f"requests lost after 100 ms, of {sum(done.values('sent')):.0f}", "lost_after_100ms", 0),
        done.figure("requests lost in the first 100 ms", "lost_within_100ms", math.inf),
        *series.at_stake(done),
    ]
