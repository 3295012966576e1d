"""The percentile, defined once for every figure of the lab: nearest rank.

The percentile of a share is the smallest of the values that has at least this share of them at or
below it: a value that was observed, never a mean of two. p99 of 1, 2, ..., 100 is 99. A request
that failed has no latency; it counts as slower than any reply (+inf), so that losing the slow
requests makes no figure better.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from decimal import Decimal


def percentile(values: Iterable[float | None], share: float) -> float | None:
    """Return the percentile of a share (0.99: p99); None among the values is a failure.

    None without values. Infinite where the rank falls on a failure: no reply was as fast as that.
    """
    ordered = sorted(math.inf if value is None else value for value in values)
    if not ordered:
        return None
    # The share as it is written: 0.07 of 100 values is the 7th, not the 8th as in binary fractions.
    rank = math.ceil(Decimal(repr(share)) * len(ordered))
    return ordered[max(rank, 1) - 1]


def percentile_sql(value: str, share: float) -> str:
    """Return DuckDB's expression of the same percentile; a value of NULL is a failure.

    A FILTER clause may follow. It is NULL without rows and infinite where the rank falls on a
    failure.
    """
    return f"quantile_disc(coalesce(CAST({value} AS DOUBLE), 'inf'::DOUBLE), {Decimal(repr(share))})"


def finite(value: float | None) -> float | None:
    """Return a percentile as the result files have it: null where no reply was as fast as that."""
    return None if value is None or math.isinf(value) else value
