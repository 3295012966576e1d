"""The rate at the first failure with the bare model, against the article's demo on such a machine.

The load rises to a few times of what is to be reached and no further: two cores that also run the
generator are used up soon after, and what fails then says nothing about the topology.
"""

import math
from dataclasses import replace

from lab.bench import Bench
from lab.bench.figures import Figure, Figures
from lab.errors import LabError
from lab.experiment import loadtest
from lab.facts import first_failures
from lab.facts.summary import Summary

DEMO_PER_S = {"single": 6.7, "2-active": 3.6, "3-active": 4.0}
TIMES = 20
RATE_START_PER_S, RAMP_PER_S = 25.0, 25.0
RATE_MAX_TIMES = 2.5
"""The load ends at this multiple of what is to be reached."""
TRIALS_MAX = 3


def measure(bench: Bench) -> Figures:
    """Return the rate at the first failure, held against a multiple of the demo's."""
    topology = bench.settings.topology
    if topology not in DEMO_PER_S:
        raise LabError(
            f"the demo has no figure for the topology {topology}; expected one of: {', '.join(DEMO_PER_S)}",
            remedy="start one of them: make up TOPOLOGY=single SERVICE_MS=0",
        )
    demo = DEMO_PER_S[topology]
    to_reach = TIMES * demo
    rate_max = RATE_MAX_TIMES * to_reach
    settings = replace(
        bench.settings,
        results_dir=bench.folder,
        pattern="ramp",
        rate=RATE_START_PER_S,
        rate_max=rate_max,
        ramp_per_s=RAMP_PER_S,
        duration_s=rate_max / RAMP_PER_S,
        beyond_s=2.0,
    )
    runs: list[Summary] = []
    for number in range(min(bench.trials, TRIALS_MAX)):
        runs.append(loadtest.run(replace(settings, seed=settings.seed + number), bench.say).summary)
        bench.steady()
    rates = first_failures.of_runs(runs)
    name = f"{topology}: rate at first failure, bare model (demo {demo:g})"
    bound = f"at least {to_reach:g} requests/s"
    note = "; ".join(rates.left_out)
    if rates.median is None:
        return [Figure(name, bound, "requests/s", math.nan, reached=False, values=(), note=note)]
    ends = ", ".join(f"{count} x {kind}" for kind, count in rates.ended_by.items())
    above = "the median is above this: no failure up to there; " if rates.median.above else ""
    reached = rates.median.per_s >= to_reach and not rates.left_out
    values = tuple(round(rate.per_s, 1) for rate in rates.values)
    note = "; ".join([f"{above}ended by {ends}", *rates.left_out])
    return [Figure(name, bound, "requests/s", round(rates.median.per_s, 1), reached, values, note)]
