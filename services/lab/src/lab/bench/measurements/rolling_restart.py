"""The scenario rolling-restart: every server is restarted in turn at 70 % load; no request is lost."""

from lab.bench import Bench, Figures, series

HELP = "the scenario rolling-restart 10 times"
TRIALS_MAX = 10


def measure(bench: Bench) -> Figures:
    """Return the losses, and what was at stake."""
    return series.losses(bench, "rolling-restart", min(bench.trials, TRIALS_MAX))
