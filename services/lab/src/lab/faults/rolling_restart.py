"""Restarts servers one after the other, as planned work does: drain, stop, start, ready, the next one.

The drain is the predictor's own: SIGTERM turns it unready, and it answers what arrives until HAProxy has
noticed and what it has begun is answered; then it exits. The next server has to wait until the one before
is ready again, and `settle_s` more, in which HAProxy's checks bring it back into rotation. Targets that are
struck together queue up here, so that no two are down at once.
"""

import threading
from typing import Any

from lab.errors import LabError
from lab.faults import SERVER, WATCHDOG, Context, Parameter, Parameters, _container, _work

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

NAME = "rolling_restart"
POLL_S = 0.1

_turn = threading.Lock()


def inject(context: Context, target: str, parameters: Parameters) -> None:
    """Queue the server up."""
    queued = _container.now_s()

    def work(apart: Context, its: _work.Work) -> None:
        while not _turn.acquire(timeout=POLL_S):
            if its.stop.is_set() or _container.now_s() > queued + parameters["duration_s"]:
                return
        try:
            if its.stop.is_set():
                return
            its.found["drain_at"] = _container.now_s()
            its.begun.set()
            apart.engine.restart(target, int(parameters["grace_s"]))
            its.found["started_at"] = _container.now_s()
            if not _container.until(lambda: _container.ready(apart, target), parameters["ready_s"]):
                raise LabError(f"{target} is not ready {parameters['ready_s']:g} s after its restart")
            its.found["ready_at"] = _container.now_s()
            its.stop.wait(parameters["settle_s"])
        finally:
            _turn.release()

    _work.start(context, NAME, target, work)


def undo(context: Context, target: str, _: Parameters) -> None:
    """Let a restart that has begun finish, one that has not be; see the server run."""
    _work.end(context, NAME, target)
    _container.start_if_down(context, target)


def took_effect(context: Context, target: str, _: Parameters) -> bool:
    """Tell whether its turn has come."""
    return _work.begun(context, NAME, target)


def ended(context: Context, target: str, _: Parameters) -> bool:
    """Tell whether its turn is over and it is ready."""
    return _work.over(context, NAME, target) and _container.ready(context, target)


def report(context: Context, target: str) -> dict[str, Any]:
    """Return when it was drained, started and ready (epoch s)."""
    return _work.found(context, NAME, target)
