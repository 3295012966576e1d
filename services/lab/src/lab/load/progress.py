"""The lines that tell how a load test goes: what ended since the last line, as plain text."""

import math
import time
from collections.abc import Iterable

from lab.records.classes import ERROR, LATE, NONE, REFUSED
from lab.records.percentiles import percentile
from lab.records.requests import Request

HEADING = " elapsed   planned    ended   served  refused  errors   late       p95"


class Progress:
    """Counts the requests that ended since the last line."""

    def __init__(self) -> None:
        self._first_due_s = math.inf
        self._told_s = 0.0
        self._ended: list[Request] = []

    @property
    def started(self) -> bool:
        """Return whether the first request has ended."""
        return self._first_due_s < math.inf

    @property
    def elapsed_s(self) -> float:
        """Seconds since the first request was due."""
        return time.time() - self._first_due_s if self.started else 0.0

    def add(self, requests: Iterable[Request]) -> None:
        """Take in requests that ended."""
        for request in requests:
            self._ended.append(request)
            self._first_due_s = min(self._first_due_s, request.scheduled_s)

    def line(self, planned_per_s: float | None) -> str:
        """Return a line on what ended since the last one, and begin the next."""
        elapsed_s = self.elapsed_s
        span_s = max(elapsed_s - self._told_s, 1e-9)
        ended, self._ended, self._told_s = self._ended, [], elapsed_s
        counts = {kind: sum(row.failure == kind for row in ended) for kind in (NONE, REFUSED, ERROR, LATE)}
        planned = "-" if planned_per_s is None else f"{planned_per_s:.0f}/s"
        return (
            f"{elapsed_s:>6.0f} s {planned:>9} {len(ended) / span_s:>6.0f}/s {counts[NONE] / span_s:>6.0f}/s "
            f"{counts[REFUSED]:>8} {counts[ERROR]:>7} {counts[LATE]:>6} {_p95(ended):>9}"
        )


def latency_ms(rows: Iterable[Request], share: float) -> float | None:
    """Return the percentile of what was waited for replies; a failure counts as slower than any."""
    return percentile((row.latency_ms if row.failure in (NONE, LATE) else None for row in rows), share)


def _p95(ended: list[Request]) -> str:
    value = latency_ms(ended, 0.95)
    if value is None:
        return "-"
    return "no reply" if math.isinf(value) else f"{value:.0f} ms"
