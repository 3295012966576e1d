"""Restarts servers one after the other, as planned work does: drain, stop, start, ready, the next one.

The drain is the predictor's own: SIGTERM turns it unready, and it answers what arrives until HAProxy has
noticed and what it has begun is answered; then it exits. The next server has to wait until the one before
is ready again, and `settle_s` more, in which HAProxy's checks bring it back into rotation. Targets that are
struck together queue up here in the order of their names, so that no two are down at once. After a server
that did not come back none is restarted any more.
"""

import contextlib
import threading
import time
from collections.abc import Iterator

from lab.errors import LabError
from lab.faults import DURATION, SERVER, WATCHDOG, Context, Parameter, Parameters, container, work

HELP = "restart the servers in turn: drain (SIGTERM turns it unready first), start, ready, the next one"
DETAIL = "docker restart, one server after the other"
PLACES = (SERVER,)
PARAMETERS = {
    "grace_s": Parameter(8, "s", 1, 60, "SIGKILL comes so long after SIGTERM"),
    "ready_s": Parameter(30, "s", 1, 300, "a server that is not ready so long after its start ends the work"),
    "settle_s": Parameter(2, "s", 0, 60, "pause from one server's readiness to the next one's SIGTERM"),
    "duration_s": Parameter(
        300, "s", 1, 600, "how long all of it may take; what is not begun then is left out"
    ),
}
ENDS = True
LIMIT = WATCHDOG

POLL_S = 0.1
GATHER_S = 0.5
"""Targets that are struck together come from threads of their own: the first turn waits for all of them."""
END_MARGIN_S = 15.0
"""Docker's part of a restart, beside the grace."""

_job = work.Job("rolling_restart")
failed, report = _job.failed, _job.report


class Queue:
    """The servers of one project that wait for their turn, in the order of their names."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._here: list[str] = []
        self._at_work = ""
        self._came = 0.0
        self._failure = ""
        self._closed = False

    @contextlib.contextmanager
    def place(self, target: str) -> Iterator[None]:
        """Queue up for the length of a block; an error in it is the end for all who wait."""
        with self._lock:
            if not self._here:
                self._failure, self._closed = "", False
            self._here.append(target)
            self._came = time.monotonic()
        try:
            yield
        except Exception as error:
            with self._lock:
                self._failure = self._failure or str(error)
            raise
        finally:
            with self._lock:
                self._here.remove(target)
                if self._at_work == target:
                    self._at_work = ""

    def turn(self, target: str) -> bool:
        """Take the turn if it has come; raise LabError if a server before did not come back."""
        with self._lock:
            if self._failure:
                raise LabError(f"{target} was left out: {self._failure}")
            late = time.monotonic() >= self._came + GATHER_S
            # predictor-2 comes before predictor-10.
            first = min(self._here, key=lambda name: (len(name), name))
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


def _queue(context: Context) -> Queue:
    """Return the queue of a project: contexts need not share their memory, and two queues were two down."""
    with _queues_lock:
        return _queues.setdefault((context.engine.url, context.engine.project), Queue())


def inject(context: Context, target: str, parameters: Parameters) -> None:
    """Queue the server up."""
    until_s = container.now_s() + parameters[DURATION]
    queue = _queue(context)

    def do(apart: Context, its: work.Work) -> None:
        with queue.place(target):
            while not queue.turn(target):
                if its.stop.wait(POLL_S):
                    return
                if container.now_s() > until_s:
                    raise LabError(
                        f"{target} was left out: {parameters[DURATION]:g} s were too short for all"
                    )
            if not its.stop.is_set():
                _restart(apart, target, parameters, its)
            if its.stop.is_set():
                queue.close()  # it may not be in rotation yet, and whoever ends one ends all

    _job.start(context, target, do)


def _restart(context: Context, target: str, parameters: Parameters, its: work.Work) -> None:
    """Restart the server and wait until it is ready and settled; raise LabError if it does not get ready."""
    its.found["drain_at"] = container.now_s()
    container.remember(context, _job.name, target)
    its.begun.set()
    context.engine.restart(target, int(parameters["grace_s"]))
    its.found["started_at"] = container.now_s()
    if not container.until(lambda: container.ready(context, target), parameters["ready_s"]):
        raise LabError(f"{target} is not ready {parameters['ready_s']:g} s after its restart")
    its.found["ready_at"] = container.now_s()
    its.stop.wait(parameters["settle_s"])


def undo(context: Context, target: str, parameters: Parameters) -> None:
    """Let a restart that has begun finish, one that has not be; see the server run."""
    longest_s = parameters["grace_s"] + parameters["ready_s"] + END_MARGIN_S
    try:
        _job.end(context, target, longest_s)
        if _job.of(context, target) is None:
            container.settled(context, target, parameters["grace_s"] + container.NOTICE_S)
    finally:
        container.bring_back(context, target)


def took_effect(context: Context, target: str, parameters: Parameters) -> bool:
    """Look whether its turn has come and its process has ended."""
    begun = _job.took_effect(context, target, parameters)
    return begun and container.ended_since(context, _job.name, target)


def ended(context: Context, target: str, parameters: Parameters) -> bool:
    """Look whether its turn is over and it is ready."""
    return _job.ended(context, target, parameters) and container.ready(context, target)
