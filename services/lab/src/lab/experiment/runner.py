"""One trial of a scenario from start to end.

Steady, load, faults, watching, recovery, records, verdict.

Whatever ends it early - an error, an abort, Ctrl-C - the faults are undone at once and their end is
verified.
"""

from __future__ import annotations

import contextlib
import dataclasses
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from lab.errors import GeneratorError, LabError, NotSteadyError
from lab.experiment import abort, assess, collect, schedule, watch
from lab.experiment.scenario import Scenario
from lab.experiment.schedule import Plan
from lab.experiment.strokes import ENDED, INJECT, FaultLog, Striker
from lab.experiment.targets import NotApplicableError
from lab.experiment.watch import Watch
from lab.facts import judge, trials
from lab.facts.judge import Facts, Verdict
from lab.faults.contract import Context
from lab.load import preparation
from lab.load.generator import Load
from lab.load.provenance import Provenance
from lab.parts import running
from lab.parts.controller import Entry, State
from lab.parts.docker import Engine
from lab.records.folder import FAULTS, SCENARIO, VERDICT, new_folder, write_json
from lab.settings import Settings

Say = Callable[[str], None]
Finish = Callable[[Path], None]
"""Gets the folder once its records are complete."""
Planned = Callable[[Plan], None]
"""Gets the plan before anything is done."""
Gather = Callable[[], tuple[list[Entry], list[str]]]
FIRST_ROW_S = 30.0
FLUSH_S = 0.5
"""After the load's end the predictors write their last log lines within this."""


@dataclass(frozen=True)
class Outcome:
    """What a trial left behind."""

    folder: Path
    verdict: Verdict


@dataclass
class Course:
    """What happened in a trial, as it goes on. Times in epoch s."""

    started_s: float
    zero_s: float | None = None
    aborted: str = ""
    recovered_s: float | None = None
    last_reason: str = ""
    not_run: str = ""


class _DamageError(Exception):
    """The damage exceeds the scenario's bound; the course says how."""


def attempt(
    scenario: Scenario, settings: Settings, number: int, say: Say, finish: Finish = lambda _: None
) -> trials.Result:
    """Run a trial; that it could not run is a result too."""
    try:
        outcome = Trial(scenario, settings, number, say, finish=finish).run()
    except LabError as error:
        return trials.Result(judge.COULD_NOT_RUN, (error.what,))
    return trials.result(outcome.verdict, outcome.folder.name)


@dataclass
class Trial:
    """One trial. `number` counts from 1; each has a seed of its own."""

    scenario: Scenario
    settings: Settings
    number: int
    say: Say
    finish: Finish = lambda _: None
    planned: Planned = lambda _: None

    def __post_init__(self) -> None:
        self.settings = replace(self.settings, steady_wait_s=self.scenario.steady.within_s)
        self.seed = self.settings.seed + self.number - 1
        self._course = Course(time.time())

    def run(self) -> Outcome:
        """Run the trial.

        Raise a LabError, before anything is done, if the system is not steady or out of reach.
        """
        settings, since_s = self.settings, time.time()
        state = preparation.steady_state(settings, self.say)
        try:
            servers = preparation.servers(settings, state)
            plan = schedule.plan(self.scenario, state, servers, settings, self.seed)
        except NotApplicableError as error:
            verdict = Verdict(judge.NOT_APPLICABLE, (error.what,))
            return self._end(self._folder(state), state.topology, verdict, None)
        self.planned(plan)
        prepared = preparation.prepare(settings, servers, plan.seed) if plan.loaded else None
        folder = self._folder(state)
        if prepared:
            prepared.save(folder)
        with Engine(settings.docker_url, settings.project) as engine:
            context = Context(engine, settings.target_url, watchdog=settings.watchdog, folder=folder)
            log = FaultLog(folder / FAULTS)
            striker = Striker(plan, context, log)
            if reasons := striker.why_not():
                return self._end(folder, plan.topology, Verdict(judge.NOT_APPLICABLE, tuple(reasons)), log)
            strokes = [dataclasses.asdict(stroke) for stroke in plan.strokes]
            planned = {"rate_per_s": plan.rate, "peak_per_s": plan.peak, "strokes": strokes}
            origin = Provenance(folder, settings, state, servers, plan=planned)
            before = collect.identities(engine, (*running.SERVICES, *plan.roles))

            def gather() -> tuple[list[Entry], list[str]]:
                """Save all records; return the journal and what is missing."""
                time.sleep(FLUSH_S)
                origin.complete()
                return collect.collect(folder, engine, since_s, before)

            return self._run(folder, plan, striker, log, gather)

    def _folder(self, state: State) -> Path:
        """Make the folder of the records, with the scenario as it is run."""
        name = f"{state.topology}-{self.scenario.name}"
        folder = new_folder(self.settings.results_dir, name)
        (folder / SCENARIO).write_text(self.scenario.text, encoding="utf-8")
        return folder

    def _run(self, folder: Path, plan: Plan, striker: Striker, log: FaultLog, gather: Gather) -> Outcome:
        """Do what is planned, and judge it."""
        course = self._course
        try:
            self._live(folder, plan, striker, log)
        except KeyboardInterrupt:
            striker.finish()  # an interrupt may have come in its way
            gather()
            said = ("interrupted", *(striker.troubles or ("the faults were undone",)))
            self._end(folder, plan.topology, Verdict(judge.COULD_NOT_RUN, said), log)
            raise
        except LabError as error:
            course.not_run = error.what
        entries, missing = gather()
        not_run = dict.fromkeys([course.not_run, *striker.troubles]) if course.not_run else ()
        facts = Facts(
            invalid=(*missing, *striker.troubles),
            not_run=tuple(not_run),
            aborted=course.aborted,
            recovered=course.recovered_s is not None,
            recovery_within_s=self.scenario.recovery.within_s,
            unsteady_because=course.last_reason,
        )
        zero_s = min(log.times(INJECT), default=course.zero_s or course.started_s)
        self.say("reading the records")
        verdict = assess.verdict(folder, plan, entries, zero_s, facts)
        return self._end(folder, plan.topology, verdict, log, reports=striker.reports)

    def _live(self, folder: Path, plan: Plan, striker: Striker, log: FaultLog) -> None:
        """Load, faults, recovery. On every way out the faults are over before the load ends."""
        with contextlib.ExitStack() as stack:
            watcher = Watch(folder, self.settings)
            stack.callback(watcher.close)
            stack.callback(striker.finish)
            self.say("preparing the faults")
            striker.prepare()
            if plan.loaded:
                watcher.follow(stack.enter_context(Load(folder, plan.load)))
            stack.callback(striker.finish)  # before the load ends
            self._before(plan, watcher)
            try:
                self._strike(plan, striker, watcher)
                self._recover(plan, watcher, log)
                watcher.sample_until(lambda: False, plan.scenario.load.after_s)
            except _DamageError:
                self.say(f"ABORT: {self._course.aborted}; undoing every fault")
                striker.finish()
                watcher.stop_load()
                self._recover(plan, watcher, log)
            striker.finish()
            watcher.stop_load()
            self._settle(plan, watcher)

    def _before(self, plan: Plan, watcher: Watch) -> None:
        """Wait for the load to flow, and until the time 0; refuse if it is not served steadily."""
        begun_s, before_s = time.time(), plan.scenario.load.before_s
        if plan.loaded:
            self.say(f"load: {plan.rate:.0f} requests/s for {before_s:g} s before")
            begun_s = self._first_due_s(watcher)
        self._course.zero_s = begun_s + before_s
        while time.time() < self._course.zero_s - watch.EVERY_S:
            watcher.sample()
        steady = plan.scenario.steady
        reason = watch.unsteady(watcher.rows, steady.failed_percent, steady.p95_ms) if plan.loaded else ""
        if not watcher.steady:
            reason = watcher.reason
        if reason:
            raise NotSteadyError(f"not steady before the faults: {reason}")

    @staticmethod
    def _first_due_s(watcher: Watch) -> float:
        """Wait for the first requests to end; return when the first of them was due."""
        if not watcher.sample_until(lambda: bool(watcher.rows), FIRST_ROW_S):
            raise GeneratorError(f"no request ended within {FIRST_ROW_S:g} s of the load's start")
        return min(row.scheduled_s for row in watcher.rows)

    def _strike(self, plan: Plan, striker: Striker, watcher: Watch) -> None:
        """Let the faults happen; watch, and see whether the damage is too great."""
        zero_s = self._course.zero_s or time.time()
        striker.start(time.monotonic() + zero_s - time.time())
        strokes = ", ".join(f"{one.fault} {' '.join(one.targets)}" for one in plan.strokes)
        self.say(f"faults: {strokes or 'none'}")
        until_s = zero_s + (plan.scenario.load.peak_s or 0.0)
        while not striker.over or time.time() < until_s:
            self._sample(plan, watcher)
            if striker.problems:
                raise LabError(striker.problems[0])

    def _recover(self, plan: Plan, watcher: Watch, log: FaultLog) -> None:
        """Wait, for as long as allowed, until the system is steady and the clients are well."""
        recovery = plan.scenario.recovery
        zero_s = self._course.zero_s or 0.0
        since_s = max([*log.times(ENDED), *log.times(INJECT), zero_s + (plan.scenario.load.peak_s or 0.0)])
        deadline = time.monotonic() + recovery.within_s
        while time.monotonic() < deadline:
            self._sample(plan, watcher)
            self.say(f"waiting for the recovery: {watcher.reason or 'the clients are served'}")
            self._course.last_reason = watcher.reason
            at_most = recovery.failed_percent if plan.loaded and not self._course.aborted else None
            self._course.recovered_s = watcher.recovered(at_most, since_s)
            if self._course.recovered_s is not None:
                return

    def _settle(self, plan: Plan, watcher: Watch) -> None:
        """Wait for the end state without load.

        When the load ends, a standby may still be helping with a burst.
        """

        def steady() -> bool:
            self.say(f"waiting for the end state: {watcher.reason}")
            return watcher.steady

        watcher.sample()
        watcher.sample_until(steady, plan.scenario.recovery.within_s)

    def _sample(self, plan: Plan, watcher: Watch) -> None:
        """Take a sample; raise _DamageError at the abort bound.

        Only a spike's load may end by itself.
        """
        watcher.sample()
        course = self._course
        if course.aborted:
            return
        if watcher.load_over and plan.load.pattern != "spike":
            raise GeneratorError("the load ended before the system had recovered")
        if reason := abort.reason(plan.scenario.abort, watcher.since(course.zero_s or 0.0)):
            course.aborted = reason
            raise _DamageError

    def _end(
        self, folder: Path, topology: str, verdict: Verdict, log: FaultLog | None, **more: Any
    ) -> Outcome:
        """Write verdict.json, and let `finish` add what is made from the records."""
        course = self._course
        injected, ended = (log.times(INJECT), log.times(ENDED)) if log else ([], [])
        if log:
            log.close()
        content = {
            **dataclasses.asdict(verdict),
            "scenario": self.scenario.name,
            "description": self.scenario.description,
            "topology": topology,
            "seed": self.seed,
            "trial": self.number,
            "aborted": bool(course.aborted),
            "started_s": course.started_s,
            "ended_s": time.time(),
            "fault_s": [injected[0], ended[-1] if ended else None] if injected else None,
            "recovered_s": course.recovered_s,
            **more,
        }
        write_json(folder / VERDICT, content)
        self.finish(folder)
        return Outcome(folder, verdict)
