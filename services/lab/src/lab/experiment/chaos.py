"""Strikes servers and watches until the system is steady again; gathers the records of it.

Order of a run: bring load if asked for, strike, watch the journal, collect HAProxy's log. Whether a run may
start, and on whom, is for chaos_plan.py to say; what the records mean, for timeline.py; what is printed and
saved, for chaos_report.py.
"""

from __future__ import annotations

import contextlib
import dataclasses
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

from lab import faults, records
from lab.errors import LabError, UnreachableError
from lab.experiment.chaos_plan import Plan
from lab.facts import haproxy_log, timeline
from lab.facts.timeline import UP, Stroke
from lab.load import provenance, spec
from lab.load.generator import Load
from lab.load.preparation import Prepared
from lab.load.spec import LoadSpec
from lab.parts import running
from lab.parts.controller import Controller, Entry, State
from lab.parts.docker import Engine
from lab.records import Request
from lab.settings import Settings

POLL_S = 0.1
LOAD_LEAD_S = 5.0
"""Load runs this long before the fault, so that there is a usual latency to compare with."""
LOAD_TAIL_S = 1.0
UNNOTICED_S = 15.0
"""A system that is steady so long after the fault, without a word of it in the journal, did not notice."""
EFFECT_S = 5.0
LOG_BEFORE_S = 5.0


@dataclass(frozen=True)
class Gathered:
    """The records of a run. Times: seconds since the epoch."""

    strokes: tuple[Stroke, ...]
    entries: tuple[Entry, ...]
    log_raw: tuple[str, ...]
    requests: tuple[Request, ...]
    steady_at: float | None
    ended: float
    states: tuple[State, State]
    load_started: float | None = field(default=None)

    def log(self) -> list[haproxy_log.LogLine]:
        """Return the requests in HAProxy's log."""
        return haproxy_log.parse(self.log_raw)

    def records(self, roles: dict[str, str]) -> timeline.Records:
        """Return what the story is told from."""
        return timeline.Records(self.strokes, roles, self.entries, self.log(), self.steady_at)


class Run:
    """One run of a plan. `said` gets a sentence of progress now and then."""

    def __init__(
        self,
        plan: Plan,
        settings: Settings,
        folder: Path,
        said: Callable[[str], None],
        prepared: Prepared | None = None,
    ) -> None:
        """`prepared` is what a load needs; None without load."""
        self.plan = plan
        self._prepared = prepared
        self._settings = settings
        self._folder = folder
        self._said = said
        self._requests: list[Request] = []
        self._entries: list[Entry] = []
        self._load: Load | None = None
        self._sampled = 0.0
        self._saved: dict[str, Any] = {}

    def execute(self) -> Gathered:
        """Strike, watch, gather. Whatever ends it early, a fault that lasts is undone."""
        with Controller(self._settings.controller_url) as controller, contextlib.ExitStack() as stack:
            before = controller.state()
            seq = controller.last_seq()
            load_started = None
            if self.plan.rate_per_s:
                load_started = self._start_load(stack, before)
                self._rest(
                    LOAD_LEAD_S, f"load: {self.plan.rate_per_s:.0f} requests/s for {LOAD_LEAD_S:g} s before"
                )
            strokes = self._strike()
            steady_at = self._watch(controller, seq, strokes)
            if self._load:
                self._rest(LOAD_TAIL_S, "load: the last requests")
                self._load.stop()
                self._requests += self._load.new_requests()
            ended = time.time()
            after = controller.state()
        if self._saved:
            self._save_settings(ended_s=ended, state_end=dataclasses.asdict(after))
        first = min(stroke.time for stroke in strokes)
        with Engine(self._settings.docker_url, self._settings.project) as engine:
            since = min(load_started or first, first - LOG_BEFORE_S)
            log = engine.log_lines("haproxy", since)
        return Gathered(
            tuple(strokes),
            tuple(self._entries),
            tuple(log),
            tuple(self._requests),
            steady_at,
            ended,
            (before, after),
            load_started,
        )

    def _start_load(self, stack: contextlib.ExitStack, before: State) -> float:
        """Start the load; return when (epoch s). `lab report` reads its folder like a load test's."""
        settings = self._settings
        version = ""
        if self._prepared:
            self._prepared.save(self._folder)
            version = self._prepared.model_version
        found = running.look(settings, before, version)
        started = time.time()
        self._saved = provenance.saved_settings(settings, before, started, found)
        self._save_settings()
        self._load = stack.enter_context(Load(self._folder, self._load_spec()))
        return started

    def _save_settings(self, **news: Any) -> None:
        self._saved |= news
        records.write_json(self._folder / records.SETTINGS_FILE, self._saved)

    def _load_spec(self) -> LoadSpec:
        longest_s = LOAD_LEAD_S + self.plan.hang_s + self._settings.chaos_wait_s + LOAD_TAIL_S + 30
        return spec.constant(spec.from_settings(self._settings), self.plan.rate_per_s, longest_s)

    def _rest(self, seconds: float, text: str) -> None:
        """Let the load run for a while."""
        self._said(text)
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self._follow_load()
            time.sleep(POLL_S)

    def _follow_load(self) -> None:
        """Read along what the load generator writes; raise GeneratorError if it died."""
        if self._load is None:
            return
        self._requests += self._load.new_requests()
        if time.monotonic() - self._sampled >= 1:
            self._sampled = time.monotonic()
            self._load.sample_cpu()
        if not self._load.running():
            raise LabError(
                "the load ended before the system was steady again", cause="CHAOS_WAIT_S is very long"
            )

    def _strike(self) -> list[Stroke]:
        """Strike all targets at the same time; a fault that lasts is undone before this returns."""
        fault = faults.load(self.plan.fault)
        self._said(f"{self.plan.fault} {', '.join(self.plan.targets)}")
        with contextlib.ExitStack() as stack:
            given = {faults.DURATION: self.plan.hang_s} if faults.DURATION in fault.parameters else {}
            injections = {
                name: fault.at(stack.enter_context(_context(self._settings)), name, given)
                for name in self.plan.targets
            }
            for injection in injections.values():
                if reason := fault.why_not(injection):
                    raise LabError(f"FAULT={self.plan.fault} is not applicable: {reason}")

            with contextlib.ExitStack() as guards, ThreadPoolExecutor(len(injections)) as pool:
                # The pool ends first: no fault is undone while another thread may still be about to do it.
                injects: dict[str, Callable[[], None]] = {}
                for name, injection in injections.items():
                    # What others repair is left to them: how soon they do is what is measured.
                    injects[name] = (
                        guards.enter_context(fault.lasting(injection))
                        if fault.ends
                        else partial(fault.inject, injection)
                    )

                def inject(name: str) -> Stroke:
                    # The connection to Docker stands since the engine's version was asked for: what follows
                    # is one request, and its time is the last thing read before it.
                    struck = time.time()
                    injects[name]()
                    return Stroke(name, self.plan.fault, struck, fault.detail)

                strokes = list(pool.map(inject, self.plan.targets))
                self._see(injections)
                if not fault.ends:
                    return strokes
                self._rest(self.plan.hang_s, f"{self.plan.fault} lasts {self.plan.hang_s:g} s")
            return [replace(stroke, ended=time.time()) for stroke in strokes]

    def _see(self, injections: Mapping[str, faults.Injection]) -> None:
        """Look whether the fault took effect; raise LabError if it did not."""
        fault = faults.load(self.plan.fault)
        deadline = time.monotonic() + max(EFFECT_S, self.plan.hang_s if fault.ends else 0.0)
        missing = list(injections)
        while missing := [name for name in missing if not fault.took_effect(injections[name])]:
            whys = [why for name in missing if (why := fault.failed(injections[name]))]
            if whys or time.monotonic() >= deadline:
                raise LabError("; ".join(whys) or f"{self.plan.fault} took no effect on {', '.join(missing)}")
            self._follow_load()
            time.sleep(POLL_S)

    def _watch(self, controller: Controller, seq: int, strokes: Sequence[Stroke]) -> float | None:
        """Follow the journal until the system is steady again; return when, or None if it was not in time."""
        waiting_since = time.monotonic()
        deadline = waiting_since + self._settings.chaos_wait_s
        while time.monotonic() < deadline:
            self._follow_load()
            with contextlib.suppress(UnreachableError):  # it may be restarting: its journal tells
                state = controller.state()
                self._entries += controller.journal(self._entries[-1].seq if self._entries else seq)
                quiet = time.monotonic() - waiting_since > UNNOTICED_S
                if state.steady and (quiet or _is_over(self._entries, strokes)):
                    return state.time
                self._said(f"waiting: {state.steady_reason or 'not steady yet'}")
            time.sleep(POLL_S)
        return None


@contextlib.contextmanager
def _context(settings: Settings) -> Iterator[faults.Context]:
    """Give what a fault works with; each target gets its own connection to Docker."""
    with Engine(settings.docker_url, settings.project) as engine:
        yield faults.Context(engine, settings.target_url, watchdog=settings.watchdog)


def _is_over(entries: Sequence[Entry], strokes: Sequence[Stroke]) -> bool:
    """Tell whether the journal shows each server down and up again: a steady state before that is old."""
    story = timeline.tell(timeline.Records(strokes, {}, entries, (), None))
    healthy = {step.server for step in story.steps if step.name == "healthy again"}
    return healthy >= {stroke.server for stroke in strokes}


def still_down(settings: Settings) -> Iterator[str]:
    """Say of each server that is not healthy now what it is; for someone who interrupted a run."""
    with Controller(settings.controller_url) as controller:
        for server in controller.state().servers:
            if server.health != UP:
                yield f"{server.name} is {server.health} ({server.container})"
