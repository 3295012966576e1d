"""When the service was out: the time in which the objective was missed. Pure.

The *objective* is that of the requests due in any half second (WINDOW_S) at least 90 % (SHARE) are
served: rightly, and within the limit after they were due. A refused request is not served, nor is a
late one or one with a wrong answer. So that a single request decides nothing at a low rate, a
window is as long as it takes for ten requests (FEWEST) to fall due, if half a second is too short
for that.

A window begins at each request that is due. An *outage* lies where windows miss the objective: from
the time its first unserved request was due to the time the next request after its last unserved one
was due. A whole window of requests that were all served ends it. So one lost request among many is
no outage, and of five in a row at 90 requests/s the outage is the 56 ms that they stand for. Where
others fail around it now and then, its ends are known to half a second.

Where nothing is due for longer than 2 s (QUIET_S) there is no evidence: the service was neither up
nor out. No outage reaches across such a silence, and the time of all of them is stated
(`nothing_due_s`). All times are in seconds.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

SHARE, WINDOW_S, FEWEST, QUIET_S = 0.9, 0.5, 10, 2.0
OBJECTIVE = {"share": SHARE, "window_s": WINDOW_S, "fewest_requests": FEWEST, "quiet_s": QUIET_S}

Times = NDArray[np.float64]
Counts = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Outage:
    """Requests due from start_s (epoch s) to end_s of which too few were served."""

    start_s: float
    end_s: float
    duration_s: float
    due: int
    not_served: int


@dataclass(frozen=True)
class Availability:
    """The outages in the order of time, and for how long nothing was due at all."""

    outages: tuple[Outage, ...]
    nothing_due_s: float

    @property
    def out_of_service_s(self) -> float:
        """All outages together."""
        return sum((each.duration_s for each in self.outages), 0.0)

    @property
    def longest_outage_s(self) -> float:
        """The longest of them; 0 without any."""
        return max((each.duration_s for each in self.outages), default=0.0)


def availability(due_s: Sequence[float] | Times, served: Sequence[bool] | NDArray[np.bool_]) -> Availability:
    """Return the outages.

    `due_s` is when each request was due, in order; `served`, whether it was served.
    """
    due = np.asarray(due_s, dtype=np.float64)
    bad = ~np.asarray(served, dtype=np.bool_)
    if not len(due):
        return Availability((), 0.0)
    gaps = np.diff(due)
    quiet = gaps > QUIET_S
    edges = [0, *(np.flatnonzero(quiet) + 1), len(due)]
    outages = [
        outage
        for start, end in itertools.pairwise(edges)
        for outage in _outages(due[start:end], bad[start:end])
    ]
    return Availability(tuple(outages), float(gaps[quiet].sum()))


def _outages(due: Times, bad: NDArray[np.bool_]) -> Iterator[Outage]:
    """Yield the outages of a stretch without a silence."""
    missed = np.flatnonzero(bad & _in_a_missed_window(due, bad))
    if not len(missed):
        return
    # Each request stands for the time until the next one is due; the last one for the mean of that.
    mean_s = (due[-1] - due[0]) / (len(due) - 1) if len(due) > 1 else 0.0
    until = np.append(due[1:], due[-1] + mean_s)
    served_s, served = due[missed[1:]] - until[missed[:-1]], np.diff(missed) - 1
    begins = np.flatnonzero((served_s >= WINDOW_S) & (served >= FEWEST)) + 1
    for part in np.split(missed, begins):
        first, last = int(part[0]), int(part[-1])
        start_s, end_s = float(due[first]), float(until[last])
        yield Outage(start_s, end_s, end_s - start_s, last - first + 1, int(bad[first : last + 1].sum()))


def _in_a_missed_window(due: Times, bad: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return of each request whether a window that misses the objective holds it."""
    count = len(due)
    # A window that the end would cut short begins earlier, so that it holds its ten requests.
    starts: Counts = np.minimum(np.arange(count), max(count - FEWEST, 0))
    ends: Counts = np.searchsorted(due, due[starts] + WINDOW_S)
    ends = np.minimum(np.maximum(ends, starts + FEWEST), count)
    before = np.concatenate(([0], np.cumsum(bad)))
    failed, held = before[ends] - before[starts], ends - starts
    # As counts: 90 % of 10 are 9, whatever binary fractions make of it.
    misses = failed > np.floor((1 - SHARE) * held + 1e-9)
    edges = np.zeros(count + 1, dtype=np.int64)
    np.add.at(edges, starts[misses], 1)
    np.add.at(edges, ends[misses], -1)
    inside: NDArray[np.bool_] = np.cumsum(edges)[:-1] > 0
    return inside
