"""Crashes the process inside a server whenever it is up; Docker restarts it, with growing pauses."""

import contextlib
import time
from typing import Any

from lab.errors import UnreachableError
from lab.faults import (
    DURATION,
    SERVER,
    TOOL,
    Context,
    Parameter,
    Parameters,
    _container,
    _predictor,
    _work,
    duration,
)

HELP = "crash the process inside the container again whenever it is up"
DETAIL = "PUT /faults crash, again and again"
PLACES = (SERVER,)
PARAMETERS = {
    "up_s": Parameter(0.5, "s", 0, 60, "how long it is let live each time it answers"),
    "duration_s": duration(20.0),
}
ENDS = True
LIMIT = TOOL

POLL_S = 0.2


def inject(context: Context, target: str, parameters: Parameters) -> None:
    """Begin to crash it; the first crash is asked for at once."""
    _predictor.put(context, target, parameters, crash=True)

    def work(apart: Context, its: _work.Work) -> None:
        its.found["crashes"] = 1
        its.begun.set()
        end = time.monotonic() + parameters[DURATION]
        while time.monotonic() < end and not its.stop.wait(POLL_S):
            with contextlib.suppress(UnreachableError):  # it is down
                _predictor.get(apart, target)
                if its.stop.wait(min(parameters["up_s"], max(0.0, end - time.monotonic()))):
                    return
                _predictor.put(apart, target, parameters, crash=True)
                its.found["crashes"] += 1

    _work.start(context, "crash_loop", target, work)


def undo(context: Context, target: str, _: Parameters) -> None:
    """Crash it no more. Docker, after its pause, or the controller starts it."""
    _work.end(context, "crash_loop", target)
    if context.engine.status(target) != "restarting":
        _container.start_if_down(context, target)


def took_effect(context: Context, target: str, _: Parameters) -> bool:
    """Tell whether it has crashed once."""
    return _work.begun(context, "crash_loop", target)


def ended(context: Context, target: str, _: Parameters) -> bool:
    """Tell whether it is crashed no more and runs."""
    return _work.over(context, "crash_loop", target) and _container.running(context, target)


def report(context: Context, target: str) -> dict[str, Any]:
    """Return how often it was crashed."""
    return _work.found(context, "crash_loop", target)


def why_not(context: Context, target: str, _: Parameters) -> str:
    """Say why it cannot be done."""
    return _predictor.why_not(context, target, "crash")
