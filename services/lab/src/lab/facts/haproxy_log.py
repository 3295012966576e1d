"""HAProxy's log lines: reads them and says what became of each request. Pure.

What became of it as far as HAProxy can know; a load generator counts replies that came too late as well:

    served    an answer of status 200 went out whole
    refused   a part refused it on purpose: 429 (full), 503 (its time in HAProxy's queue was up)
    rejected  the request itself was at fault: 4xx
    lost      all the rest: an answer of 500 and above, no server left, no whole reply
    gone      the client left by itself

lab.records.classes decides.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from lab.records import classes, json_object

SERVED, REFUSED, REJECTED, LOST, GONE = "served", "refused", "rejected", "lost", "gone"
NO_SERVER = "<NOSRV>"


@dataclass(frozen=True, slots=True)
class LogLine:
    """One request as HAProxy logged it, from arrival to last byte; times in seconds since the epoch."""

    request_id: str
    start: float
    end: float
    status: int
    server: str
    retries: int
    redispatched: bool
    termination: str
    bytes_sent: int

    @property
    def latency_ms(self) -> float:
        """From the arrival of the request to the last byte of its reply, without the idle time before."""
        return (self.end - self.start) * 1000

    @property
    def retried(self) -> bool:
        """Tell whether it was tried more than once."""
        return self.retries > 0 or self.redispatched

    @property
    def outcome(self) -> str:
        """Return served, refused, rejected, lost or gone."""
        kind = classes.logged(self.status, self.termination, retried=self.retried, bytes_sent=self.bytes_sent)
        if kind == classes.ERROR:
            return REJECTED if 400 <= self.status < 500 and self.bytes_sent else LOST  # noqa: PLR2004
        return {classes.NONE: SERVED, classes.REFUSED: REFUSED, classes.CLIENT_GONE: GONE}[kind]


def parse(lines: Iterable[str]) -> list[LogLine]:
    """Read the requests among a log's lines, in the order of arrival; other messages are left out."""
    decoded = (json_object(line) for line in lines)
    found = [_line(raw) for raw in decoded if raw is not None and "status" in raw and "time_us" in raw]
    return sorted(found, key=lambda item: item.start)


def split(lines: Iterable[str]) -> tuple[list[str], list[str]]:
    """Part a log's lines into JSON, one object each, and HAProxy's plain messages, in their order."""
    records: list[str] = []
    messages: list[str] = []
    for line in lines:
        (messages if json_object(line) is None else records).append(line)
    return records, messages


def _line(raw: dict[str, Any]) -> LogLine:
    # A request too broken to have a time of its own has that of its connection.
    start = float(raw.get("time_us") or raw.get("accepted_us") or 0) / 1e6
    # The active time leaves out how long a kept-alive connection was idle before the request.
    active_s = float(raw.get("time_active_ms") or 0) / 1000
    # HAProxy writes "+1" where the retry went to another server.
    retries = str(raw.get("retries") or 0)
    return LogLine(
        request_id=str(raw.get("id") or ""),
        start=start,
        end=start + active_s,
        status=int(raw["status"] or 0),
        server=str(raw.get("server") or ""),
        retries=abs(int(retries)),
        redispatched=retries.startswith("+"),
        termination=str(raw.get("termination_state") or "--"),
        bytes_sent=int(raw.get("bytes_sent") or 0),
    )


@dataclass(frozen=True)
class Traffic:
    """What became of the requests of a time span; `slowest_ms` is None if there were none."""

    seen: int
    served: int
    refused: int
    rejected: int
    lost: int
    retried: int
    slowest_ms: float | None
    slowest_id: str
    per_server: dict[str, int]


def traffic(lines: Iterable[LogLine], start: float, end: float) -> Traffic:
    """Count the requests that were in progress at some time between start and end (epoch seconds)."""
    span = [line for line in lines if line.end >= start and line.start <= end]
    outcomes = Counter(line.outcome for line in span)
    slowest = max(span, key=lambda line: line.latency_ms, default=None)
    return Traffic(
        seen=len(span),
        served=outcomes[SERVED],
        refused=outcomes[REFUSED],
        rejected=outcomes[REJECTED],
        lost=outcomes[LOST],
        retried=sum(line.retried for line in span),
        slowest_ms=slowest.latency_ms if slowest else None,
        slowest_id=slowest.request_id if slowest else "",
        per_server=dict(sorted(Counter(line.server for line in span if line.outcome == SERVED).items())),
    )
