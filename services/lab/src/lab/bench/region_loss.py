"""The scenario region-loss: every server of a region dies; nothing is lost after the first 100 ms."""

import math

from lab.bench import Bench, Figure, Figures
from lab.experiment import series

HELP = "the scenario region-loss 10 times"
TRIALS_MAX = 10


def measure(bench: Bench) -> Figures:
    """Return the losses after the first 100 ms, and those within them for information."""
    done = series.run(bench, "region-loss", min(bench.trials, TRIALS_MAX))
    within = done.figure("requests lost in the first 100 ms", "lost_within_100ms", math.inf)
    shown = Figure(
        within.what, "(for information)", "", within.result, within.reached, within.values, within.note
    )
    return [*series.zero_in_all(done, [("requests lost after 100 ms", "lost_after_100ms")]), shown]
