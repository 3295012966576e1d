"""From the values of several trials to median, spread and a confidence interval. Pure.

A share of trials (how often the expectations were met) has the interval of Wilson, which holds for few trials
and for 0 or all of them; a median has the one of order statistics (binomial), which needs
no assumption on the distribution. All at 95 %.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

LEVEL = 0.95
Z = statistics.NormalDist().inv_cdf((1 + LEVEL) / 2)


@dataclass(frozen=True)
class Share:
    """How often of `trials` something was so; the bounds are shares of 1."""

    successes: int
    trials: int
    low: float
    high: float


@dataclass(frozen=True)
class Spread:
    """The values of a measure over the trials. With fewer than 6 the median has no interval."""

    trials: int
    median: float
    lowest: float
    highest: float
    mean: float
    deviation: float
    median_low: float | None
    median_high: float | None


def share(successes: int, trials: int) -> Share:
    """Return the Wilson interval; raise ValueError without trials."""
    if trials < 1 or not 0 <= successes <= trials:
        raise ValueError(f"{successes} of {trials} trials")
    part, weight = successes / trials, Z**2 / trials
    middle = (part + weight / 2) / (1 + weight)
    half = Z / (1 + weight) * math.sqrt(part * (1 - part) / trials + weight / (4 * trials))
    low = 0.0 if successes == 0 else middle - half
    return Share(successes, trials, low, 1.0 if successes == trials else middle + half)


def spread(values: Sequence[float]) -> Spread:
    """Return median, spread and the median's interval; raise ValueError without values."""
    if not values:
        raise ValueError("no values")
    ordered = sorted(values)
    rank = _rank(len(ordered))
    return Spread(
        trials=len(ordered),
        median=statistics.median(ordered),
        lowest=ordered[0],
        highest=ordered[-1],
        mean=statistics.fmean(ordered),
        deviation=statistics.stdev(ordered) if len(ordered) > 1 else 0.0,
        median_low=None if rank is None else ordered[rank],
        median_high=None if rank is None else ordered[-1 - rank],
    )


def _rank(trials: int) -> int | None:
    """Return the highest k so that the k-th lowest and highest value (from 0) enclose the median at 95 %."""
    outside, found = 0.0, None
    for rank in range(trials // 2):
        # That fewer than rank + 1 of the values lie below the median, and the same above it.
        outside += 2 * math.comb(trials, rank) / 2**trials
        if outside > 1 - LEVEL:
            break
        found = rank
    return found
