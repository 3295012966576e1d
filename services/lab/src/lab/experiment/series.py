"""Scenarios as measurements of `make bench`: repeats one, and turns the trials into figures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from lab.bench import Bench, Figure, below
from lab.errors import LabError
from lab.experiment import known, parse, scenario
from lab.experiment.judge import MET, NOT_MET
from lab.experiment.runner import Outcome, Trial


@dataclass(frozen=True)
class Series:
    """The trials of a scenario on one topology. `failed` are those that say nothing, each with the reason."""

    scenario: str
    topology: str
    outcomes: tuple[Outcome, ...]
    failed: tuple[str, ...]

    def values(self, measure: str) -> list[float]:
        """Return what a measure was in each trial that has it; it has to be among the expectations."""
        found = (one for outcome in self.outcomes for one in outcome.verdict.expectations)
        return [one.measured for one in found if one.text == measure and not isinstance(one.measured, str)]

    def figure(self, what: str, measure: str, bound: float, unit: str = "", of: str = "sum") -> Figure:
        """Make a figure; it is not reached where a trial says nothing, or lacks the measure."""
        values = self.values(measure)
        name = f"{self.scenario} on {self.topology}: {what} in {len(self.outcomes)} trials"
        if not values:
            return Figure(name, f"{bound:g}", unit, -1, reached=False, values=(), note=self._note(0))
        made = below(name, bound, unit, values, of)
        missing = len(values) < len(self.outcomes)
        return replace(
            made, reached=made.reached and not self.failed and not missing, note=self._note(len(values))
        )

    def _note(self, measured: int) -> str:
        notes = [f"{len(self.failed)} trials say nothing: {self.failed[0]}"] if self.failed else []
        if measured < len(self.outcomes):
            notes.append(f"{len(self.outcomes) - measured} trials without a value")
        return "; ".join(notes)


def run(under: Bench, name: str, trials: int) -> Series:
    """Run a scenario of the lab's a number of times."""
    found = parse.read(scenario.OWN / f"{name}.yaml", known.check)
    settings = replace(
        under.settings, results_dir=under.folder, capacity=under.capacity_per_server(), scenario=name
    )
    outcomes, failed = [], []
    for number in range(1, trials + 1):
        try:
            outcome = Trial(found, settings, settings.seed + number - 1, number, lambda _: None).run()
        except LabError as error:
            failed.append(error.what)
            under.say(f"{name} {number}/{trials}: {error.what}")
            continue
        verdict = outcome.verdict
        under.say(f"{name} {number}/{trials}: {verdict.verdict}; {'; '.join(verdict.because)}")
        if verdict.verdict in (MET, NOT_MET):
            outcomes.append(outcome)
        else:
            failed.append(f"{verdict.verdict}: {verdict.because[0]}")
    return Series(name, under.settings.topology, tuple(outcomes), tuple(failed))


def zero_in_all(series: Series, measures: Sequence[tuple[str, str]]) -> list[Figure]:
    """Return a figure for each (what, measure) whose sum over all trials has to be 0."""
    return [series.figure(what, measure, 0) for what, measure in measures]
