"""Faults that go on by work of this process: a thread per target, which ends with the process at least."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from lab.errors import LabError
from lab.faults import Context

END_LIMIT_S = 60.0
"""How long the end of the work is waited for: one restart, or one request, is finished first."""


@dataclass
class Work:
    """The work on one target. `found` is what it has found out so far; `begun` tells that it took effect."""

    stop: threading.Event = field(default_factory=threading.Event)
    begun: threading.Event = field(default_factory=threading.Event)
    over: threading.Event = field(default_factory=threading.Event)
    found: dict[str, Any] = field(default_factory=dict)
    error: LabError | None = None


def start(context: Context, fault: str, target: str, do: Callable[[Context, Work], None]) -> None:
    """Begin to work on a target; raise LabError if that work is going on already."""
    old = of(context, fault, target)
    if old and not old.over.is_set():
        raise LabError(f"the fault {fault} of {target} is in force already")
    work = context.memory[fault, target] = Work()

    def run() -> None:
        try:
            with context.apart() as apart:
                do(apart, work)
        except LabError as error:
            work.error = error
        finally:
            work.over.set()

    threading.Thread(target=run, name=f"{fault} {target}", daemon=True).start()


def of(context: Context, fault: str, target: str) -> Work | None:
    """Return the work on a target, also when it is over; None if there was none."""
    found = context.memory.get((fault, target))
    return found if isinstance(found, Work) else None


def end(context: Context, fault: str, target: str) -> None:
    """Let the work end and wait for it; raise what ended it early."""
    work = of(context, fault, target)
    if work is None:
        return
    work.stop.set()
    if not work.over.wait(END_LIMIT_S):
        raise LabError(f"the fault {fault} of {target} did not end within {END_LIMIT_S:g} s")
    if work.error is not None:
        error, work.error = work.error, None
        raise error


def begun(context: Context, fault: str, target: str) -> bool:
    """Tell whether the work has had its effect."""
    work = of(context, fault, target)
    return work is not None and work.begun.is_set()


def over(context: Context, fault: str, target: str) -> bool:
    """Tell whether no work goes on, and what went on ended well."""
    work = of(context, fault, target)
    return work is None or (work.over.is_set() and work.error is None)


def found(context: Context, fault: str, target: str) -> dict[str, Any]:
    """Return what the work has found out."""
    work = of(context, fault, target)
    return dict(work.found) if work else {}
