"""The figures of `make bench`.

Values against what is to be reached, and a scenario's trials as figures.
"""

from __future__ import annotations

import math
import statistics
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from lab.facts.intervals import at_most
from lab.facts.measures import number
from lab.facts.trials import Result

LEFT_OUT_MAX = 0.5
"""Where more than this share of the trials is left out, no figure is reached."""


@dataclass(frozen=True)
class Figure:
    """One row of the table.

    `values` are the trials; `result` is what is held against `to_reach`.
    """

    what: str
    to_reach: str
    unit: str
    result: float
    reached: bool
    values: tuple[float, ...]
    note: str = ""


Figures = list[Figure]


class Wanted(NamedTuple):
    """A figure of a scenario: a measure over the trials, and its bound; an infinite one is none."""

    what: str  # {sent} is the number of requests of all trials
    measure: str
    bound: float = math.inf
    unit: str = ""
    of: str = "sum"


LOST = Wanted("requests lost, of {sent:.0f}", "lost", 0)
AT_STAKE = (Wanted("requests at stake", "exposed"), Wanted("of them saved by a retry", "saved_by_retry"))
SLOWEST = "slowest request in the second after the kill, above that of a usual second"
SCENARIOS = {
    "kill_active": (
        LOST,
        *AT_STAKE,
        Wanted("requests refused", "shed", 0),
        Wanted("requests of unknown fate", "unknown", 0),
        Wanted(SLOWEST, "above_usual_ms", 60, "ms", "median"),
        Wanted("kill to standby in rotation", "in_rotation_ms", 40, "ms", "median"),
        Wanted("kill to standby in rotation", "in_rotation_ms", 100, "ms", "maximum"),
    ),
    "hang": (LOST, *AT_STAKE),
    "rolling_restart": (LOST, *AT_STAKE),
    "region_loss": (
        Wanted("requests lost after 100 ms, of {sent:.0f}", "lost_after_100ms", 0),
        Wanted("requests lost in the first 100 ms", "lost_within_100ms"),
        *AT_STAKE,
    ),
    "wrong_answers": (
        Wanted("out of rotation", "out_of_rotation_ms", 2000, "ms", "maximum"),
        Wanted("wrong answers served", "wrong_answer"),
    ),
}
"""The measurements that are a scenario of the same name (with - for _), done again and again."""


def below(what: str, bound: float, unit: str, values: Sequence[float], of: str = "median") -> Figure:
    """Make a figure of which the median, maximum or sum has to be below (0: at) a bound."""
    result = {"median": statistics.median(values), "maximum": max(values), "sum": sum(values)}[of]
    reached = result <= bound if bound == 0 else result < bound
    words = f"{bound:g}" if of == "sum" else f"{of} under {bound:g} {unit}"
    return Figure(what, words, unit, round(float(result), 3), reached, tuple(round(v, 3) for v in values))


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
        numbers = (number(each.measures[measure]) for each in self.counted if measure in each.measures)
        return [value for value in numbers if value is not None]

    def figure(self, wanted: Wanted) -> Figure:
        """Make a figure; it is not reached where too many trials or any value is missing."""
        values, bound = self.values(wanted.measure), wanted.bound
        what = wanted.what.format(sent=sum(self.values("sent")))
        name = f"{self.scenario} on {self.topology}: {what}"
        to_reach = "(for information)" if math.isinf(bound) else f"{bound:g}"
        if not values:
            return Figure(name, to_reach, wanted.unit, math.nan, False, (), self._note(values))
        figure = below(name, bound, wanted.unit, values, wanted.of)
        note = "; ".join(filter(None, [_zero(values) if bound == 0 else "", self._note(values)]))
        if math.isinf(bound):
            return replace(figure, to_reach=to_reach, note=note)
        left_out = len(self.results) - len(self.counted)
        whole = len(values) == len(self.counted) and left_out <= LEFT_OUT_MAX * len(self.results)
        return replace(figure, reached=figure.reached and whole, note=note)

    def _note(self, values: list[float]) -> str:
        """Return in words what is left out, and n where it is not that of all trials."""
        left_out = [each for each in self.results if not each.counts]
        notes = []
        if left_out:
            kinds = Counter(f"{each.verdict}, {each.because[0].partition(':')[0]}" for each in left_out)
            why = "; ".join(f"{count} {kind}" for kind, count in kinds.most_common())
            notes.append(f"{len(left_out)} of {len(self.results)} trials left out ({why})")
        if len(values) < len(self.counted):
            notes.append(f"{len(self.counted) - len(values)} trials without a value")
        return "; ".join(notes)


def _zero(values: list[float]) -> str:
    """Return in words how many experiments had any, and how many may have."""
    some = sum(value > 0 for value in values)
    most = 100 * at_most(some, len(values))
    return f"{some} of {len(values)} experiments had any: at most {most:.2g} % do (95 %)"
