"""The scenario hang: an active server is paused for 5 s; no request is lost."""

from lab.bench import Bench, Figures, series

HELP = "the scenario hang 10 times"
TRIALS_MAX = 10


def measure(bench: Bench) -> Figures:
    """Return the losses, and what was at stake."""
    return series.losses(bench, "hang", min(bench.trials, TRIALS_MAX))
