"""What is usual in a run, from its own undisturbed time before the fault.

And when it is so again. Pure.

Like is compared with like: the slowest request of a second with the slowest of other seconds, never
with a percentile of all requests, which a slowest request exceeds as a matter of course.
"""

from __future__ import annotations

import statistics
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass

from lab.records.percentiles import percentile

WINDOW_S, STRIDE_S = 0.5, 0.1
TIMES = 2.0
"""A p95 of half a second varies by itself: beyond this multiple of the largest before, it is not
usual."""


@dataclass(frozen=True, slots=True)
class Point:
    """A request: when it was due (epoch s), how long its prediction took; None: it got none.

    Good: served rightly and in time.
    """

    due_s: float
    latency_ms: float | None
    good: bool

    @property
    def over_s(self) -> float:
        """Return when its prediction was there; one that got none was over when it was due."""
        return self.due_s + (self.latency_ms or 0.0) / 1000


def above_usual_ms(points: Sequence[Point], zero_s: float) -> float | None:
    """Return by how much the slowest of the second after a moment exceeds what is usual.

    Both sides take the requests due or in progress in a second. Usual is the median, over the whole
    seconds before, of the slowest of each. Infinite if any got no prediction; None without anything
    to compare.
    """
    after, usual_ms = first_second_ms(points, zero_s), slowest_second_ms(points, zero_s)
    return None if after is None or usual_ms is None else after - usual_ms


def first_second_ms(points: Sequence[Point], zero_s: float) -> float | None:
    """Return the slowest of the requests in progress at a moment or due in the second after it."""
    return _slowest_ms([point for point in points if point.over_s >= zero_s], zero_s)


def slowest_second_ms(points: Sequence[Point], zero_s: float) -> float | None:
    """Return the usual slowest: the median of the slowest of each whole second before."""
    before = [point for point in points if point.over_s < zero_s]
    if not before:
        return None
    seconds = int(zero_s - min(point.due_s for point in before))
    slowest = [_slowest_ms(before, zero_s - second) for second in range(1, seconds + 1)]
    values = [value for value in slowest if value is not None]
    return statistics.median(values) if values else None


def _slowest_ms(points: Sequence[Point], start_s: float) -> float | None:
    """Return the slowest of the requests due or in progress in the second from a moment on."""
    values = [point.latency_ms for point in points if point.over_s >= start_s and point.due_s < start_s + 1]
    return percentile(values, 1.0)


def recovered_s(points: Sequence[Point], zero_s: float, since_s: float) -> float | None:
    """Return from when on, not before `since_s`, every half second is good to the end.

    None: not the last.

    Good: every request was answered rightly and in time, and the p95 is at most TIMES the largest
    p95 of the half seconds before `zero_s`. One bad half second makes it later, however good those
    before it were.
    """
    ordered = sorted(points, key=lambda point: point.due_s)
    if not ordered:
        return None
    before = [point for point in ordered if point.over_s < zero_s]
    windows = _windows(before, ordered[0].due_s, zero_s)
    usual_ms = TIMES * max((p95 for _, p95, _ in windows if p95 is not None), default=float("inf"))
    last_s = ordered[-1].due_s
    recovered, good = since_s, True
    for begin_s, p95, all_good in _windows(ordered, since_s, max(last_s, since_s + WINDOW_S)):
        good = p95 is None or (all_good and p95 <= usual_ms)
        if not good:
            recovered = begin_s + STRIDE_S
    return recovered if good else None


def _windows(
    ordered: Sequence[Point], start_s: float, end_s: float
) -> list[tuple[float, float | None, bool]]:
    """Return each whole half second between two moments: (begin, p95, all good)."""
    found = []
    for number in range(int((end_s - start_s - WINDOW_S) / STRIDE_S + 1e-6) + 1):
        begin_s = start_s + number * STRIDE_S
        first = bisect_left(ordered, begin_s, key=lambda point: point.due_s)
        last = bisect_left(ordered, begin_s + WINDOW_S, key=lambda point: point.due_s)
        inside = ordered[first:last]
        all_good = all(point.good for point in inside)
        found.append((begin_s, percentile([point.latency_ms for point in inside], 0.95), all_good))
    return found
