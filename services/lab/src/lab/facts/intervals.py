"""Intervals for the results of several trials. Pure.

share    how often something was so, with the two-sided interval of Wilson, which holds for few
         trials and for 0 or all of them
at_most  the one-sided exact bound (Clopper and Pearson) on how often it may be: what stands next to
         a zero
spread   median, lowest and highest of a measure, with the median's interval from order statistics
         (binomial), which needs no assumption on the distribution

All at 95 %. The tests hold each against scipy, which would add 140 MB to the image for these few
lines.
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
    """The values of a measure over the trials; inf: it never came.

    With fewer than 6, no interval.
    """

    trials: int
    median: float
    lowest: float
    highest: float
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


def at_most(events: int, trials: int) -> float:
    """Return the share of trials that an event may have, by counts (0 of 50: 0.058)."""
    if trials < 1 or not 0 <= events <= trials:
        raise ValueError(f"{events} of {trials} trials")
    if events == trials:
        return 1.0
    if events == 0:
        return float(1 - (1 - LEVEL) ** (1 / trials))
    low, high = events / trials, 1.0
    while high - low > 1e-9:  # noqa: PLR2004 - finer than any reader needs
        middle = (low + high) / 2
        low, high = (middle, high) if _few(events, trials, middle) > 1 - LEVEL else (low, middle)
    return high


def _few(events: int, trials: int, part: float) -> float:
    """Return the probability of so few events or fewer; each trial has one with `part`."""
    ways = math.lgamma(trials + 1)  # in logarithms: the numbers themselves have no end
    return sum(
        math.exp(
            ways
            - math.lgamma(count + 1)
            - math.lgamma(trials - count + 1)
            + count * math.log(part)
            + (trials - count) * math.log1p(-part)
        )
        for count in range(events + 1)
    )


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
        median_low=None if rank is None else ordered[rank],
        median_high=None if rank is None else ordered[-1 - rank],
    )


def _rank(trials: int) -> int | None:
    """Return the highest rank whose lowest and highest value enclose the median at 95 %.

    Ranks count from 0.
    """
    outside, found = 0.0, None
    for rank in range(trials // 2):
        # That fewer than rank + 1 of the values lie below the median, and the same above it.
        outside += 2 * math.comb(trials, rank) / 2**trials
        if outside > 1 - LEVEL:
            break
        found = rank
    return found
