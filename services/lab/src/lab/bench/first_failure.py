"""The rate at the first failure with the bare model, against the article's demo on such a machine."""

import statistics
from dataclasses import replace

from lab import loadtest
from lab.bench import Bench, Figure, Figures
from lab.errors import LabError

HELP = "the rate at the first failure (start the lab with COST_FACTOR=1 for the bare model)"
DEMO_PER_S = {"single": 6.7, "2-active": 3.6, "3-active": 4.0}
TIMES = 20
RATE_START_PER_S, RATE_MAX_PER_S, RAMP_PER_S = 50.0, 2000.0, 25.0


def measure(bench: Bench) -> Figures:
    """Return the rate at the first failure, held against a multiple of the demo's."""
    topology = bench.settings.topology
    if topology not in DEMO_PER_S:
        raise LabError(
            f"the demo has no figure for the topology {topology}; expected one of: {', '.join(DEMO_PER_S)}",
            remedy="start one of them: make up TOPOLOGY=single COST_FACTOR=1",
        )
    settings = replace(
        bench.settings,
        results_dir=bench.folder,
        pattern="ramp",
        rate=RATE_START_PER_S,
        rate_max=RATE_MAX_PER_S,
        ramp_per_s=RAMP_PER_S,
        duration_s=RATE_MAX_PER_S / RAMP_PER_S,
        beyond_s=2.0,
    )
    rates: list[float] = []
    invalid: list[str] = []
    for _ in range(min(bench.trials, 3)):
        made = loadtest.run(settings, bench.say).summary
        first = made.first_failure
        rates.append(first.rate_per_s if first else made.rate_max_without_failure_per_s)
        invalid += made.invalid_because if first else ("no request failed: the rate is a lower bound",)
        bench.steady()
    demo = DEMO_PER_S[topology]
    middle = statistics.median(rates)
    return [
        Figure(
            f"{topology}: rate at first failure, bare model (demo {demo:g})",
            f"at least {TIMES * demo:g} requests/s",
            "requests/s",
            round(middle, 1),
            middle >= TIMES * demo and not invalid,
            tuple(round(rate, 1) for rate in rates),
            "; ".join(sorted(set(invalid))),
        )
    ]
