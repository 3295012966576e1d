"""Scenarios as measurements of `make bench`: repeats one, and turns the trials into figures."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from lab.bench import Bench, Figure, below
from lab.errors import LabError
from lab.experiment import known, parse, scenario
from lab.experiment.runner import Trial
from lab.facts import judge, trials
from lab.facts.intervals import at_most
from lab.facts.measures import number
from lab.facts.trials import Result

LEFT_OUT_MAX = 0.5
"""Where more than this share of the trials is left out, no figure is reached."""


@dataclass(frozen=True)
class Series:
    """The trials of a scenario on one topology, every one of them, whatever came of it."""

    scenario: str
    topology: str
    results: tuple[Result, ...]

    @property
    def counted(self) -> tuple[Result, ...]:
        """The trials that say something about the system."""
        return tuple(each for each in self.results if each.counts)

    def values(self, measure: str) -> list[float]:
        """Return what a measure was in each trial that counts; infinite where it never came."""
        found = (number(each.measures[measure]) for each in self.counted if measure in each.measures)
        return [value for value in found if value is not None]

    def figure(self, what: str, measure: str, bound: float, unit: str = "", of: str = "sum") -> Figure:
        """Make a figure; it is not reached where too many trials or any value is missing.

        An infinite bound is none: the figure is for information.
        """
        values = self.values(measure)
        name = f"{self.scenario} on {self.topology}: {what}"
        to_reach = "(for information)" if math.isinf(bound) else f"{bound:g}"
        if not values:
            return Figure(name, to_reach, unit, math.nan, reached=False, values=(), note=self._note(values))
        made = below(name, bound, unit, values, of)
        left_out = len(self.results) - len(self.counted)
        whole = len(values) == len(self.counted) and left_out <= LEFT_OUT_MAX * len(self.results)
        whole = whole or math.isinf(bound)
        to_reach = to_reach if math.isinf(bound) else made.to_reach
        note = "; ".join(filter(None, [_zero(values) if bound == 0 else "", self._note(values)]))
        return replace(made, to_reach=to_reach, reached=made.reached and whole, note=note)

    def _note(self, values: list[float]) -> str:
        """Say n where it is not that of all trials, and what is left out."""
        left_out = [each for each in self.results if not each.counts]
        notes = []
        if left_out:
            why = f"{left_out[0].verdict}: {left_out[0].because[0]}"
            notes.append(f"{len(left_out)} of {len(self.results)} trials left out ({why})")
        if len(values) < len(self.counted):
            notes.append(f"{len(self.counted) - len(values)} trials without a value")
        return "; ".join(notes)


def _zero(values: list[float]) -> str:
    """Say how many experiments had any, and how many may have."""
    some = sum(value > 0 for value in values)
    most = 100 * at_most(some, len(values))
    return f"{some} of {len(values)} experiments had any: at most {most:.2g} % do (95 %)"


def losses(under: Bench, name: str, count: int) -> list[Figure]:
    """Run a scenario a number of times; return the requests lost (none, to be reached) and at stake."""
    done = run(under, name, count)
    return [done.figure(f"requests lost, of {sum(done.values('sent')):.0f}", "lost", 0), *at_stake(done)]


def at_stake(done: Series) -> list[Figure]:
    """Return how many requests were at stake, and how many of them a retry saved; for information."""
    return [
        done.figure("requests at stake", "exposed", math.inf),
        done.figure("of them saved by a retry", "saved_by_retry", math.inf),
    ]


def run(under: Bench, name: str, count: int) -> Series:
    """Run a scenario a number of times. None is repeated: no outcome chooses who counts."""
    found = parse.read(scenario.OWN / f"{name}.yaml", known.check)
    settings = replace(under.settings, results_dir=under.folder, scenario=name)
    results: list[Result] = []
    for turn in range(count):
        try:
            outcome = Trial(found, settings, settings.seed + turn, turn + 1, lambda _: None).run()
            results.append(trials.result(outcome.verdict, outcome.folder.name))
        except LabError as error:
            results.append(Result(judge.COULD_NOT_RUN, (error.what,)))
        said = results[-1]
        under.say(f"{name} {turn + 1}/{count}: {said.verdict}; {'; '.join(said.because)}")
    return Series(name, under.settings.topology, tuple(results))
