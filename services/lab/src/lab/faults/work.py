"""Faults that go on by work of this process.

A thread per target, which ends with the process at least.
"""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import Any

from lab.errors import LabError
from lab.faults.contract import Fault, Injection, Parameters, Work

END_LIMIT_S = 90.0
"""How long the end of the work is waited for: one restart, or one request, is finished first."""

_works: dict[tuple[str, str, str, str], Work] = {}
"""The latest work of each fault, at each target of each project."""


class WorkFault(Fault):
    """A fault that is the work of a thread; a subclass says which in do()."""

    def do(self, injection: Injection, work: Work) -> None:
        """Work until the time is over or `work.stop` is set; the injection is the thread's own."""
        raise NotImplementedError

    def end_limit_s(self, given: Parameters) -> float:  # noqa: ARG002 - some ends depend on it
        """Return how long the end of the work may take (s)."""
        return END_LIMIT_S

    def strike(self, injection: Injection) -> None:
        """Begin to work on the target; raise LabError if that is going on already."""
        where = (self.name, injection.engine.url, injection.engine.project, injection.target)
        if where in _works and not _works[where].over.is_set():
            raise LabError(f"the fault {self.name} of {injection.target} is in force already")
        work = injection.work = _works[where] = Work()

        def run() -> None:
            try:
                with injection.context.apart() as apart:
                    self.do(replace(injection, context=apart), work)
            except LabError as error:
                work.error = error
            except Exception as error:
                # A thread's error ends nothing else: without this the work would seem to have ended
                # well.
                work.error = LabError(f"the work on {injection.target} failed: {error!r}")
                raise
            finally:
                work.over.set()

        threading.Thread(target=run, name=f"{self.name} {injection.target}", daemon=True).start()

    def end(self, injection: Injection) -> None:
        """Let the work end and wait for it; raise, once, what ended it early."""
        work, limit_s = injection.work, self.end_limit_s(injection.given)
        if work is None:
            return
        work.stop.set()
        if not work.over.wait(limit_s):
            raise LabError(f"the fault {self.name} of {injection.target} did not end within {limit_s:g} s")
        if work.error is not None and not work.raised:
            work.raised = True
            raise work.error

    def undo(self, injection: Injection) -> None:
        """Do no more, and wait for what is due."""
        self.end(injection)

    def took_effect(self, injection: Injection) -> bool:
        """Return whether the work has had its effect."""
        return injection.work is not None and injection.work.begun.is_set()

    def ended(self, injection: Injection) -> bool:
        """Return whether no work goes on, and what ended it early, if anything, was raised."""
        work = injection.work
        return work is None or (work.over.is_set() and (work.error is None or work.raised))

    def failed(self, injection: Injection) -> str:
        """Return what ended the work early, in a sentence; empty if nothing did."""
        work = injection.work
        return work.error.what if work is not None and work.error is not None else ""

    def report(self, injection: Injection) -> dict[str, Any]:
        """Return what the work has learnt."""
        return dict(injection.work.report) if injection.work else {}
