"""Does the faults of a plan and undoes them.

Each of them and its end is verified, and noted in faults.jsonl.

A thread per stroke and target: it guards the fault (faults.lasting), waits for its time, injects,
looks for the effect, waits for the end, undoes it and looks whether it is over. `finish` ends all
of them at once.
"""

from __future__ import annotations

import contextlib
import json
import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from lab import faults
from lab.errors import LabError
from lab.experiment.schedule import Plan, Stroke
from lab.faults.contract import DURATION, MARGIN_S, Context, Fault, Injection

INJECT, EFFECT, UNDO, ENDED = "inject", "effect", "undo", "ended"
PREPARE_S = 4.0
"""A guard is started this long before its fault; those of the first faults before the load
starts."""
EFFECT_S, END_S = 5.0, 30.0
POLL_S = 0.1
READY_S = 60.0


@contextlib.contextmanager
def _interrupts_wait() -> Iterator[None]:
    """Raise KeyboardInterrupt only at the end: no fault is left behind for it, but it counts.

    Ctrl-C comes several times at once: from the terminal, from Compose and from `docker stop`.
    """
    came: list[int] = []
    numbers = (signal.SIGINT, signal.SIGTERM)
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = [(number, signal.signal(number, lambda number, _: came.append(number))) for number in numbers]
    try:
        yield
    finally:
        for number, handler in before:
            signal.signal(number, handler)
    if came:
        raise KeyboardInterrupt


class FaultLog:
    """Writes faults.jsonl; may be used by several threads."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("x", encoding="utf-8")
        self._lock = threading.Lock()
        self.events: list[dict[str, Any]] = []

    def note(
        self, event: str, fault: str, target: str, parameters: Mapping[str, float], detail: str = ""
    ) -> None:
        """Write one event with the time of now."""
        told = {"event": event, "fault": fault, "target": target, "detail": detail}
        line = {"time": time.time(), **told, "parameters": dict(parameters)}
        with self._lock:
            self.events.append(line)
            self._file.write(json.dumps(line) + "\n")
            self._file.flush()

    def times(self, event: str) -> list[float]:
        """Return when an event happened, in order (epoch s)."""
        with self._lock:
            return sorted(float(one["time"]) for one in self.events if one["event"] == event)

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def parameters(stroke: Stroke) -> dict[str, float]:
    """Return all parameters of a stroke's fault; its length is the fault's duration."""
    fault = faults.load(stroke.fault)
    length = {DURATION: stroke.length_s} if DURATION in fault.parameters else {}
    return fault.complete({**stroke.parameters, **length})


class Striker:
    """The faults of one trial."""

    def __init__(self, plan: Plan, context: Context, log: FaultLog) -> None:
        self._works = [(stroke, target) for stroke in plan.strokes for target in stroke.targets]
        self._context = context
        self._log = log
        self._zero_mono = 0.0
        self._go = threading.Event()
        self._finish = threading.Event()
        self._lock = threading.Lock()
        self._ready = threading.Semaphore(0)
        self._going_on: set[int] = set()
        self._ending: set[int] = set()
        self.problems: list[str] = []
        """Why a fault did not take place as planned: the experiment is over."""
        self.unended: list[str] = []
        """Whose end could not be brought about, or not be seen."""
        self.reports: list[dict[str, Any]] = []
        self._threads: list[threading.Thread] = []

    @property
    def troubles(self) -> tuple[str, ...]:
        """All that went wrong with the faults themselves, each in a sentence."""
        return (*self.problems, *self.unended)

    def why_not(self) -> list[str]:
        """Return why the faults cannot be done to their targets here; nothing if they can."""
        reasons: dict[str, None] = {}
        for stroke, target in self._works:
            fault = faults.load(stroke.fault)
            if reason := fault.why_not(fault.at(self._context, target, parameters(stroke))):
                reasons[reason] = None
        return list(reasons)

    def prepare(self) -> None:
        """Start the guards of the first faults; return when they stand. `start` injects."""
        self._going_on = set(range(len(self._works)))
        for number, (stroke, target) in enumerate(self._works):
            arguments = (number, stroke, target)
            self._threads.append(threading.Thread(target=self._work, args=arguments, name=f"fault-{number}"))
            self._threads[-1].start()
        early = sum(stroke.at_s < PREPARE_S for stroke, _ in self._works)
        deadline = time.monotonic() + READY_S
        for _ in range(early):
            if not self._ready.acquire(timeout=max(0.0, deadline - time.monotonic())):
                remedy = "try again on an idle machine"
                raise LabError("the guards of the faults did not start", remedy=remedy)
        if self.problems:
            raise LabError(self.problems[0])

    def start(self, zero_mono: float) -> None:
        """Let the faults happen, counted from a time of time.monotonic()."""
        self._zero_mono = zero_mono
        self._go.set()

    @property
    def over(self) -> bool:
        """Return whether every fault was done and is over as far as it has to be ended.

        Repairs may go on.
        """
        with self._lock:
            return not self._going_on

    def finish(self) -> None:
        """End every fault now and verify it; return when all of it is done. May be called again."""
        with _interrupts_wait():
            self._finish.set()
            self._go.set()
            for thread in self._threads:
                thread.join()

    def _work(self, number: int, stroke: Stroke, target: str) -> None:
        try:
            if stroke.at_s >= PREPARE_S:
                self._go.wait()
                self._wait_until(stroke.at_s - PREPARE_S)
            self._one(number, stroke, target)
        except LabError as error:
            self._problem(f"{stroke.fault} of {target}: {error.what}", ending=number in self._ending)
        except Exception as error:
            # A thread's error ends nothing else: without this nobody would notice that the fault is
            # missing.
            self._problem(f"{stroke.fault} of {target}: {error!r}", ending=number in self._ending)
            raise
        finally:
            self._done(number)
            self._ready.release()

    def _done(self, number: int) -> None:
        with self._lock:
            self._going_on.discard(number)

    def _one(self, number: int, stroke: Stroke, target: str) -> None:
        fault = faults.load(stroke.fault)
        limit_s = stroke.length_s + MARGIN_S
        with self._context.apart() as own:
            injection = fault.at(own, target, parameters(stroke))
            with fault.lasting(injection, limit_s) as inject:
                self._ready.release()
                self._go.wait()
                self._wait_until(stroke.at_s)
                if self._finish.is_set():
                    return
                self._do(number, stroke, fault, injection, inject)
                self._ending.add(number)
                self._log.note(UNDO, fault.name, target, injection.given)
            self._verify_end(fault, injection)
            if report := fault.report(injection):
                self.reports.append({"fault": fault.name, "target": target} | report)

    def _do(
        self, number: int, stroke: Stroke, fault: Fault, injection: Injection, inject: Callable[[], None]
    ) -> None:
        """Inject, see it take effect, and stay until it has to end."""
        target, given = injection.target, injection.given
        self._log.note(INJECT, fault.name, target, given, fault.detail)
        begun = time.monotonic()
        inject()
        lasts = fault.lasts(target)
        within_s = max(EFFECT_S, stroke.length_s if lasts else 0.0)
        seen = self._poll(
            lambda: self._failed(fault, injection) or self._sees(fault.took_effect, injection), within_s
        )
        if self._failed(fault, injection):
            return
        if seen:
            self._log.note(EFFECT, fault.name, target, given)
        elif not self._finish.is_set():
            self._problem(f"{fault.name} took no effect on {target}")
        if not lasts:
            # Others repair it: the experiment goes on meanwhile, and only its end undoes what is
            # left.
            self._done(number)
        while not self._finish.is_set() and not (lasts and time.monotonic() - begun >= stroke.length_s):
            if self._failed(fault, injection):
                return
            if seen and self._sees(fault.ended, injection):
                return
            self._finish.wait(POLL_S if not lasts else min(POLL_S, stroke.length_s))

    def _failed(self, fault: Fault, injection: Injection) -> bool:
        """Return whether a fault that works by itself has failed, and note why."""
        if why := fault.failed(injection):
            self._problem(f"{fault.name} of {injection.target}: {why}")
        return bool(why)

    def _problem(self, said: str, *, ending: bool = False) -> None:
        """Note a problem, once."""
        if said not in self.troubles:
            (self.unended if ending else self.problems).append(said)

    @staticmethod
    def _sees(ask: Callable[[Injection], bool], injection: Injection) -> bool:
        """Ask a fault for its effect or its end; a part that does not answer now shows nothing."""
        try:
            return ask(injection)
        except LabError:
            return False

    def _verify_end(self, fault: Fault, injection: Injection) -> None:
        deadline = time.monotonic() + END_S
        while not self._sees(fault.ended, injection):
            if time.monotonic() >= deadline:
                late = f"{fault.name} of {injection.target} is not seen to be over {END_S:g} s after its end"
                self._problem(late, ending=True)
                return
            time.sleep(POLL_S)
        self._log.note(ENDED, fault.name, injection.target, injection.given)

    def _poll(self, probe: Callable[[], bool], limit_s: float) -> bool:
        deadline = time.monotonic() + limit_s
        while not probe():
            if time.monotonic() >= deadline or self._finish.wait(POLL_S):
                return False
        return True

    def _wait_until(self, at_s: float) -> None:
        self._finish.wait(max(0.0, self._zero_mono + at_s - time.monotonic()))
