"""What the load generator keeps count of while it runs; knows neither Locust nor gevent.

A run has two clocks: offsets in seconds since its start, taken from the monotonic clock, order and
measure; the wall clock at its start turns them into the Unix times that join with other parts'
records.
"""

import time
from pathlib import Path
from typing import Any

from lab.load.answers import Reply
from lab.load.spec import LoadSpec
from lab.records.classes import NONE, classify
from lab.records.folder import GENERATOR, REQUESTS, write_json
from lab.records.requests import Request, RequestWriter


class Run:
    """One run of the generator.

    Its clock, its requests in progress, its first failure, its rows.
    """

    def __init__(self, spec: LoadSpec, folder: Path | None) -> None:
        """Open the rows in `folder`; with None (Locust's web interface) nothing is saved."""
        self._limit_ms = spec.limit_ms
        self._duration_s = spec.duration_s
        self._beyond_s = spec.beyond_s
        self._folder = folder
        self._writer = RequestWriter(folder / REQUESTS) if folder else None
        self._started_mono: float | None = None
        self._started_wall_s = 0.0
        self._in_flight: dict[str, float] = {}  # request id -> when it was due; oldest first
        self._failed_s: float | None = None
        self._begun_requests = 0
        self._peak_requests = 0
        self.bound_hits = 0
        """How often an arrival had to wait because too many requests were in progress."""
        self.ended_because = ""
        """Set, it ends the load before its time; what is in progress may finish."""

    def begin(self) -> None:
        """Start the clock, if it does not run yet."""
        if self._started_mono is None:
            self._started_wall_s = time.time()
            self._started_mono = time.perf_counter()

    def now_s(self) -> float:
        """Return the offset since the start, in s."""
        if self._started_mono is None:
            raise RuntimeError("the run's clock was read before it began")
        return time.perf_counter() - self._started_mono

    @property
    def in_flight(self) -> int:
        """The number of requests in progress."""
        return len(self._in_flight)

    def begun(self, request_id: str, due_s: float) -> None:
        """Note a request as in progress, from the moment it is handed to its own greenlet on."""
        self._in_flight[request_id] = due_s
        self._begun_requests += 1
        self._peak_requests = max(self._peak_requests, len(self._in_flight))

    def received(
        self,
        request_id: str,
        sent_s: float,
        *,
        body: int,
        status: int,
        server: str,
        refused_by: str,
        reply: Reply,
    ) -> str:
        """Note a request's end and write its row; return its kind of failure.

        `body` is the place of the request's body among the run's; `refused_by` is the answer's
        X-Refused-By; `reply` says what was in it.
        """
        ended_s = self.now_s()
        due_s = self._in_flight.pop(request_id)
        latency_ms = (ended_s - due_s) * 1000
        limit_ms, sound = self._limit_ms, not reply.error
        failure = classify(
            status, refused_by=refused_by, sound=sound, latency_ms=latency_ms, limit_ms=limit_ms
        )
        if failure != NONE:
            self._failed(min(ended_s, due_s + self._limit_ms / 1000))
        if self._writer:
            wall, service_ms = self._started_wall_s, (ended_s - sent_s) * 1000
            times = (wall + due_s, wall + sent_s, latency_ms, service_ms)
            said = (reply.probability, reply.placement)
            row = Request(request_id, *times, status, server, reply.error, body, *said, failure)
            self._writer.write(row)
        return failure

    def over(self, *, grace_s: float = 0.0) -> bool:
        """Return whether the load is to end.

        Its time is up, or it is far enough beyond the first failure.

        A request without a reply at the limit has failed, whatever comes later. A schedule ends by
        itself and gets some grace, so that requests that are sent late are seen to be late instead
        of left out.
        """
        if self.ended_because:
            return True
        now_s = self.now_s()
        oldest_due_s = next(iter(self._in_flight.values()), now_s)
        if now_s - oldest_due_s > self._limit_ms / 1000:
            self._failed(oldest_due_s + self._limit_ms / 1000)
        if now_s >= self._duration_s + grace_s:
            self.ended_because = "the time was up"
        if self._beyond_s >= 0 and self._failed_s is not None and now_s >= self._failed_s + self._beyond_s:
            self.ended_because = "requests failed"
        return bool(self.ended_because)

    def flush(self) -> None:
        """Make the rows so far visible to who reads along."""
        if self._writer:
            self._writer.flush()

    def close(self) -> None:
        """Write the last rows and the generator's own count."""
        if self._writer is None or self._folder is None:
            return
        self._writer.close()
        self._writer = None
        write_json(self._folder / GENERATOR, self._report())

    def _report(self) -> dict[str, Any]:
        ended_s = 0.0 if self._started_mono is None else self.now_s()
        return {
            "started_s": self._started_wall_s,
            "ended_s": self._started_wall_s + ended_s,
            "begun_requests": self._begun_requests,
            "unfinished_requests": len(self._in_flight),
            "in_flight_peak_requests": self._peak_requests,
            "in_flight_bound_hits": self.bound_hits,
            "stopped_because": self.ended_because or "the schedule ended",
        }

    def _failed(self, at_s: float) -> None:
        self._failed_s = at_s if self._failed_s is None else min(self._failed_s, at_s)
