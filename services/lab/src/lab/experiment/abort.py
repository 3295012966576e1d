"""When an experiment is stopped: what the clients saw in, the reason out. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from lab.experiment.scenario import AbortBound
from lab.records.classes import CLIENT_GONE, NONE

FEWEST = 20
"""A share of fewer requests than this says little."""


@dataclass(frozen=True)
class Window:
    """The requests that ended between two samples, by kind of failure (`none`: served).

    Times in epoch s.
    """

    start_s: float
    end_s: float
    kinds: Counter[str]

    @property
    def sent(self) -> int:
        """Return how many ended; clients that left count for nothing."""
        return self.kinds.total() - self.kinds[CLIENT_GONE]

    @property
    def failed(self) -> int:
        """All that got no prediction in time."""
        return self.sent - self.kinds[NONE]


def failed_percent(windows: Sequence[Window], since_s: float) -> float | None:
    """Return the share (%) of failures of the windows since a time; None without requests."""
    recent = [window for window in windows if window.start_s >= since_s]
    sent = sum(window.sent for window in recent)
    return 100 * sum(window.failed for window in recent) / sent if sent else None


def reason(bound: AbortBound, windows: Sequence[Window]) -> str | None:
    """Return why the experiment has to stop, or None.

    `windows` are those since the time 0, in order.
    """
    failed = sum(one.failed for one in windows)
    if bound.failed is not None and failed > bound.failed:
        return f"{failed} requests failed since the time 0; at most {bound.failed} may (abort.failed)"
    if bound.failed_percent is None or not windows or windows[-1].end_s - windows[0].start_s < bound.over_s:
        return None
    since_s = windows[-1].end_s - bound.over_s
    share = failed_percent(windows, since_s)
    enough = sum(one.sent for one in windows if one.start_s >= since_s) >= FEWEST
    if enough and share is not None and share > bound.failed_percent:
        return (
            f"{share:.0f} % of the requests of the last {bound.over_s:g} s failed; at most "
            f"{bound.failed_percent:g} % may (abort.failed_percent)"
        )
    return None
