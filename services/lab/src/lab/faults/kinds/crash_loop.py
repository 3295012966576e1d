"""Crashes the process inside a server whenever it is up; Docker restarts it, with growing pauses."""

import contextlib
import time

from lab.errors import UnreachableError
from lab.faults import (
    DURATION,
    SERVER,
    TOOL,
    Context,
    Parameter,
    Parameters,
    container,
    duration,
    predictor,
    work,
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
DEATH_S = 2.0
"""A process that was told to crash is gone after this."""

_job = work.Job("crash_loop")
failed, report = _job.failed, _job.report


def inject(context: Context, target: str, parameters: Parameters) -> None:
    """Begin to crash it; the first crash is asked for at once. What is counted is what Docker saw die."""
    last_end_s = container.last_end_s(context, target)
    container.remember(context, _job.name, target)
    predictor.put(context, target, parameters, crash=True)

    def do(apart: Context, its: work.Work) -> None:
        seen_s = last_end_s
        due = True
        its.found["crashes"] = 0

        def died() -> bool:
            nonlocal seen_s, due
            now_s = container.last_end_s(apart, target)
            if now_s == seen_s:
                return False
            seen_s, due = now_s, False
            its.found["crashes"] += 1
            return True

        end = time.monotonic() + parameters[DURATION]
        while time.monotonic() < end and not its.stop.wait(POLL_S):
            with contextlib.suppress(UnreachableError):  # it is down
                died()
                predictor.get(apart, target)
                if its.stop.wait(min(parameters["up_s"], max(0.0, end - time.monotonic()))):
                    break
                due = True
                predictor.put(apart, target, parameters, crash=True)
        if due:
            container.until(died, DEATH_S)

    _job.start(context, target, do)


def undo(context: Context, target: str, parameters: Parameters) -> None:
    """Crash it no more, and see it run; Docker's pause may be longer than anybody waits."""
    try:
        _job.undo(context, target, parameters)
    finally:
        container.bring_back(context, target)


def took_effect(context: Context, target: str, _: Parameters) -> bool:
    """Look for the end of its processes."""
    return container.ended_since(context, _job.name, target)


def ended(context: Context, target: str, parameters: Parameters) -> bool:
    """Look whether it is crashed no more and runs."""
    return _job.ended(context, target, parameters) and container.running(context, target)


def why_not(context: Context, target: str, _: Parameters) -> str:
    """Say why it cannot be done."""
    return predictor.why_not(context, target, "crash")
