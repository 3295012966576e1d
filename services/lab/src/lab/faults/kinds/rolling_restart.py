"""Restarts servers one after the other, as planned work does.

Drain, stop, start, ready, the next one.

The drain is the predictor's own: SIGTERM turns it unready, and it answers what arrives until
HAProxy has noticed and what it has begun is answered; then it exits. The next server has to wait
until the one before is ready again, and `settle_s` more, in which HAProxy's checks bring it back
into rotation. Targets that are struck together queue up here in the order of their names, so that
no two are down at once. After a server that did not come back none is restarted any more.
"""

import contextlib
import threading
import time
from collections.abc import Iterator

from lab.errors import LabError
from lab.faults import container
from lab.faults.contract import DURATION, Injection, Parameter, Parameters, Work

POLL_S = 0.1
GATHER_S = 0.5
"""Targets that are struck together come from threads of their own: the first turn waits for all of
them."""
END_MARGIN_S = 15.0
"""Docker's part of a restart, beside the grace."""


class Queue:
    """The servers of one project that wait for their turn, in the order of their names."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: list[str] = []
        self._at_work = ""
        self._came = 0.0
        self._failure = ""
        self._closed = False

    @contextlib.contextmanager
    def place(self, target: str) -> Iterator[None]:
        """Queue up for the length of a block; an error in it is the end for all who wait."""
        with self._lock:
            if not self._waiting:
                self._failure, self._closed = "", False
            self._waiting.append(target)
            self._came = time.monotonic()
        try:
            yield
        except Exception as error:
            with self._lock:
                self._failure = self._failure or str(error)
            raise
        finally:
            with self._lock:
                self._waiting.remove(target)
                if self._at_work == target:
                    self._at_work = ""

    def turn(self, target: str) -> bool:
        """Take the turn if it has come; raise LabError if a server before did not come back."""
        with self._lock:
            if self._failure:
                raise LabError(f"{target} was left out: {self._failure}")
            late = time.monotonic() >= self._came + GATHER_S
            # predictor-2 comes before predictor-10.
            first = min(self._waiting, key=lambda name: (len(name), name))
            if self._closed or self._at_work or not late or first != target:
                return False
            self._at_work = target
            return True

    def close(self) -> None:
        """Give nobody a turn any more: the work was ended."""
        with self._lock:
            self._closed = True


_queues: dict[tuple[str, str], Queue] = {}
_queues_lock = threading.Lock()


def _queue(injection: Injection) -> Queue:
    """Return the queue of a project, which all its servers share.

    With two queues two would be down.
    """
    with _queues_lock:
        return _queues.setdefault((injection.engine.url, injection.engine.project), Queue())


class RollingRestart(container.RestartFault):
    """Planned work on several servers, of which each waits for its turn."""

    def do(self, injection: Injection, work: Work) -> None:
        """Queue the server up, and restart it when its turn has come."""
        duration_s, target = injection.given[DURATION], injection.target
        queue = _queue(injection)
        with queue.place(target):
            while not queue.turn(target):
                if work.stop.wait(POLL_S):
                    return
                if time.time() > injection.struck_s + duration_s:
                    raise LabError(f"{target} was left out: {duration_s:g} s were too short for all")
            if not work.stop.is_set():
                self._restart(injection, work)
            if work.stop.is_set():
                queue.close()  # it may not be in rotation yet, and whoever ends one ends all

    def _restart(self, injection: Injection, work: Work) -> None:
        """Restart the server and wait until it is ready and settled.

        Raise LabError if it is not in time.
        """
        given, target = injection.given, injection.target
        work.report["drain_at"] = time.time()
        work.begun.set()
        injection.engine.restart(target, int(given["grace_s"]))
        work.report["started_at"] = time.time()
        if not container.until(lambda: container.ready(injection), given["ready_s"]):
            raise LabError(f"{target} is not ready {given['ready_s']:g} s after its restart")
        work.report["ready_at"] = time.time()
        work.stop.wait(given["settle_s"])

    def end_limit_s(self, given: Parameters) -> float:
        """Return how long a restart that has begun may take."""
        return given["grace_s"] + given["ready_s"] + END_MARGIN_S

    def took_effect(self, injection: Injection) -> bool:
        """Return whether its turn has come and its process has ended."""
        work = injection.work
        begun = work is not None and work.begun.is_set()
        return begun and container.ended_since(injection, self.report(injection)["drain_at"])

    def ended(self, injection: Injection) -> bool:
        """Return whether its turn is over and it is ready."""
        return super().ended(injection) and container.ready(injection)


FAULT = RollingRestart(
    "docker restart, one server after the other",
    grace_s=Parameter(8, "s", 1, 60, "SIGKILL comes so long after SIGTERM"),
    ready_s=Parameter(30, "s", 1, 300, "a server that is not ready so long after its start ends the work"),
    settle_s=Parameter(2, "s", 0, 60, "pause from one server's readiness to the next one's SIGTERM"),
    duration_s=Parameter(300, "s", 1, 600, "how long all of it may take; what is not begun then is left out"),
)
