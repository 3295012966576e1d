"""The rate at the first failure over several runs.

Median, range, what ended them, what does not count. Pure.

Of one run it is one draw: above what the servers carry the queues fill, and with Poisson arrivals
the time that takes is random. Simulated (2-active with its standby, 20 ms, Poisson, RAMP=4) the
rate has a standard deviation of 3 % of its median; of a single server, whose queue is a third, 8 %.
It moves with RAMP (a slower ramp fills the queues at a lower rate) and with the queue, so rates
compare only between runs of the same load and settings.

A run in which no request failed says that its rate is above the one it reached (right-censored). It
is never averaged as if it had been observed: it counts as above all rates that were, and where the
median falls on such a run, the median is `above` the rate that was reached.
"""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from lab.facts.summary import Summary

MOVES = "it moves with RAMP and with the queue: compare runs of the same load"


@dataclass(frozen=True)
class Rate:
    """A rate in requests/s, or a bound that it is above."""

    per_s: float
    above: bool = False

    def __str__(self) -> str:
        return f"{'above ' if self.above else ''}{self.per_s:.1f}"


@dataclass(frozen=True)
class Rates:
    """The rates of the runs that count, in their order.

    The other three are None where none counts.
    """

    planned: int
    n: int
    median: Rate | None
    lowest: Rate | None
    highest: Rate | None
    values: tuple[Rate, ...]
    ended_by: Mapping[str, int]  # the kind of the first failure, or "no failure" -> how many runs
    left_out: tuple[str, ...]  # a sentence each


NO_FAILURE = "no failure"


def of_runs(runs: Sequence[Summary], *, planned: int = 0, failed: Sequence[str] = ()) -> Rates:
    """Return the rates of several runs; `failed` says of each that left no summary why."""
    counted = [run for run in runs if run.valid]
    values = tuple(rate_of(run) for run in counted)
    ordered = sorted(values, key=_place)
    left_out = [f"{run.folder}: {'; '.join(run.doubts)}" for run in runs if not run.valid]
    return Rates(
        planned=planned or len(runs) + len(failed),
        n=len(counted),
        median=_median(ordered),
        lowest=ordered[0] if ordered else None,
        highest=ordered[-1] if ordered else None,
        values=values,
        ended_by=dict(Counter(map(_end, counted))),
        left_out=(*left_out, *failed),
    )


def rate_of(run: Summary) -> Rate:
    """Return a run's rate at the first failure, or the rate that it reached without any."""
    if run.first_failure:
        return Rate(run.first_failure.rate_per_s)
    return Rate(run.rate_reached_per_s, above=True)


def _end(run: Summary) -> str:
    return run.first_failure.failure if run.first_failure else NO_FAILURE


def _place(rate: Rate) -> tuple[bool, float]:
    return rate.above, rate.per_s


def _median(ordered: Sequence[Rate]) -> Rate | None:
    """Return the median; of an even number, the mean of the two in the middle.

    It is "above" if one of them is.
    """
    if not ordered:
        return None
    middle = ordered[(len(ordered) - 1) // 2 : len(ordered) // 2 + 1]
    return Rate(statistics.fmean(rate.per_s for rate in middle), above=any(rate.above for rate in middle))
