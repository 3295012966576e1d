"""Faults that go on by work of this process: a thread per target, which ends with the process at least.

Job is all that such a fault's module offers beside inject(): see bad_poisoned.py, or restart.py for one that
has to do more.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from lab.errors import LabError
from lab.faults import Context, Parameters

END_LIMIT_S = 90.0
"""How long the end of the work is waited for: one restart, or one request, is finished first."""


@dataclass
class Work:
    """The work on one target. `found` is what it has found out so far; `begun` tells that it took effect.

    `error` is what ended it early; `told` that undo() has raised it.
    """

    stop: threading.Event = field(default_factory=threading.Event)
    begun: threading.Event = field(default_factory=threading.Event)
    over: threading.Event = field(default_factory=threading.Event)
    found: dict[str, Any] = field(default_factory=dict)
    error: LabError | None = None
    told: bool = False


@dataclass(frozen=True)
class Job:
    """A fault of this name that goes on by work, with the functions that its module offers."""

    name: str

    def start(self, context: Context, target: str, do: Callable[[Context, Work], None]) -> None:
        """Begin to work on a target; raise LabError if that work is going on already."""
        old = self.of(context, target)
        if old and not old.over.is_set():
            raise LabError(f"the fault {self.name} of {target} is in force already")
        work = context.memory[self._key, target] = Work()

        def run() -> None:
            try:
                with context.apart() as apart:
                    do(apart, work)
            except LabError as error:
                work.error = error
            except Exception as error:
                # A thread's error ends nothing else: without this the work would seem to have ended well.
                work.error = LabError(f"the work on {target} failed: {error!r}")
                raise
            finally:
                work.over.set()

        threading.Thread(target=run, name=f"{self.name} {target}", daemon=True).start()

    def of(self, context: Context, target: str) -> Work | None:
        """Return the work on a target, also when it is over; None if this process did none."""
        found = context.memory.get((self._key, target))
        return found if isinstance(found, Work) else None

    def end(self, context: Context, target: str, limit_s: float = END_LIMIT_S) -> None:
        """Let the work end and wait for it, `limit_s` at the most; raise, once, what ended it early."""
        work = self.of(context, target)
        if work is None:
            return
        work.stop.set()
        if not work.over.wait(limit_s):
            raise LabError(f"the fault {self.name} of {target} did not end within {limit_s:g} s")
        if work.error is not None and not work.told:
            work.told = True
            raise work.error

    def undo(self, context: Context, target: str, _: Parameters) -> None:
        """Do no more, and wait for what is due."""
        self.end(context, target)

    def took_effect(self, context: Context, target: str, _: Parameters) -> bool:
        """Tell whether the work has had its effect."""
        work = self.of(context, target)
        return work is not None and work.begun.is_set()

    def ended(self, context: Context, target: str, _: Parameters) -> bool:
        """Tell whether no work goes on, and what went on ended well or was said to have not."""
        work = self.of(context, target)
        return work is None or (work.over.is_set() and (work.error is None or work.told))

    def failed(self, context: Context, target: str) -> str:
        """Return what ended the work early, in a sentence; empty if nothing did."""
        work = self.of(context, target)
        return work.error.what if work is not None and work.error is not None else ""

    def report(self, context: Context, target: str) -> dict[str, Any]:
        """Return what the work has found out."""
        work = self.of(context, target)
        return dict(work.found) if work else {}

    @property
    def _key(self) -> str:
        # Not the name alone, under which container.remember() keeps a time.
        return f"{self.name} work"
