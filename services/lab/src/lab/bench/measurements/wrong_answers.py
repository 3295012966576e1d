"""The scenario wrong-answers: how soon a server that answers wrong is out of rotation, and what it cost."""

import math

from lab.bench import Bench, Figures, series

HELP = "the scenario wrong-answers 10 times"
TRIALS_MAX = 10
OUT_MS = 2000


def measure(bench: Bench) -> Figures:
    """Return the time until it is out of rotation, and how many wrong answers were served until then."""
    done = series.run(bench, "wrong-answers", min(bench.trials, TRIALS_MAX))
    return [
        done.figure("out of rotation", "out_of_rotation_ms", OUT_MS, "ms", "maximum"),
        done.figure("wrong answers served", "wrong_answer", math.inf),
    ]
