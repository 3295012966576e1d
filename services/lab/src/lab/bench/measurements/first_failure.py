"""The rate at the first failure with the bare model, against the article's demo on such a machine.

The load rises to a few times of what is to be reached and no further: two cores that also run the generator
are used up soon after, and what fails then says nothing about the topology.
"""

import statistics
from dataclasses import replace

from lab.bench import Bench, Figure, Figures
from lab.errors import LabError
from lab.experiment import loadtest

HELP = "the rate at the first failure (start the lab with COST_FACTOR=1 for the bare model)"
DEMO_PER_S = {"single": 6.7, "2-active": 3.6, "3-active": 4.0}
TIMES = 20
RATE_START_PER_S, RAMP_PER_S = 25.0, 25.0
RATE_MAX_TIMES = 2.5
"""The load ends at this multiple of what is to be reached."""


def measure(bench: Bench) -> Figures:
    """Return the rate at the first failure, held against a multiple of the demo's."""
    topology = bench.settings.topology
    if topology not in DEMO_PER_S:
        raise LabError(
            f"the demo has no figure for the topology {topology}; expected one of: {', '.join(DEMO_PER_S)}",
            remedy="start one of them: make up TOPOLOGY=single COST_FACTOR=1",
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
    rates: list[float] = []
    notes: list[str] = []
    valid = True
    for _ in range(min(bench.trials, 3)):
        made = loadtest.run(settings, bench.say).summary
        first = made.first_failure
        rates.append(first.rate_per_s if first else made.rate_max_without_failure_per_s)
        valid = valid and made.valid
        notes += made.doubts if first else (f"no request failed up to {rate_max:.0f}/s",)
        bench.steady()
    middle = statistics.median(rates)
    return [
        Figure(
            f"{topology}: rate at first failure, bare model (demo {demo:g})",
            f"at least {to_reach:g} requests/s",
            "requests/s",
            round(middle, 1),
            middle >= to_reach and valid,
            tuple(round(rate, 1) for rate in rates),
            "; ".join(sorted(set(notes))),
        )
    ]
