"""Scenarios as measurements of `make bench`: repeats one, and turns the trials into figures."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from lab.bench import Bench, Figure, below
from lab.errors import LabError
from lab.experiment import known, parse, scenario
from lab.experiment.runner import Outcome, Trial
from lab.facts.judge import MET, NOT_MET


@dataclass(frozen=True)
class Series:
    """The trials of a scenario on one topology. `failed` are those that say nothing, each with the reason."""

    scenario: str
    topology: str
    trials: int
    outcomes: tuple[Outcome, ...]
    failed: tuple[str, ...]

    def values(self, measure: str) -> list[float]:
        """Return what a measure was in each trial that has it."""
        found = (outcome.verdict.measures.get(measure, "") for outcome in self.outcomes)
        return [value for value in found if not isinstance(value, str)]

    def figure(self, what: str, measure: str, bound: float, unit: str = "", of: str = "sum") -> Figure:
        """Make a figure; it is not reached where trials or values are missing.

        An infinite bound is none: the figure is for information.
        """
        values = self.values(measure)
        name = f"{self.scenario} on {self.topology}: {what}"
        to_reach = "(for information)" if math.isinf(bound) else f"{bound:g}"
        if not values:
            return Figure(name, to_reach, unit, math.nan, reached=False, values=(), note=self._note(0))
        made = below(name, bound, unit, values, of)
        whole = len(values) == self.trials
        to_reach = to_reach if math.isinf(bound) else made.to_reach
        return replace(made, to_reach=to_reach, reached=made.reached and whole, note=self._note(len(values)))

    def _note(self, measured: int) -> str:
        notes = [f"{len(self.failed)} more trials say nothing: {self.failed[0]}"] if self.failed else []
        if measured < self.trials:
            notes.append(f"{self.trials - measured} trials without a value")
        return "; ".join(notes)


def losses(under: Bench, name: str, trials: int) -> Figure:
    """Run a scenario a number of times and return the requests lost, which have to be none."""
    done = run(under, name, trials)
    return done.figure(f"requests lost, of {sum(done.values('sent')):.0f}", "lost", 0)


def run(under: Bench, name: str, trials: int) -> Series:
    """Run a scenario of the lab's until so many trials say something.

    One that does not (the machine was too busy, as a rule) is repeated, for a fifth of them, and reported.
    """
    found = parse.read(scenario.OWN / f"{name}.yaml", known.check)
    settings = replace(
        under.settings, results_dir=under.folder, capacity=under.capacity_per_server(), scenario=name
    )
    outcomes: list[Outcome] = []
    failed: list[str] = []
    number = 0
    while len(outcomes) < trials and len(failed) <= max(1, trials // 5):
        number += 1
        try:
            outcome = Trial(found, settings, settings.seed + number - 1, number, lambda _: None).run()
        except LabError as error:
            failed.append(error.what)
            under.say(f"{name} {number}: {error.what}")
            continue
        verdict = outcome.verdict
        under.say(f"{name} {len(outcomes) + 1}/{trials}: {verdict.verdict}; {'; '.join(verdict.because)}")
        if verdict.verdict in (MET, NOT_MET):
            outcomes.append(outcome)
        else:
            failed.append(f"{verdict.verdict}: {verdict.because[0]}")
    return Series(name, under.settings.topology, trials, tuple(outcomes), tuple(failed))
