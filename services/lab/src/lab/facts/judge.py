"""From expectations and measurements to the verdict. Pure.

met              everything expected holds
not met          something does not, or the damage was too great, or the system did not recover in time
could not run    the experiment did not take place as planned
not applicable   the topology lacks what the scenario needs
invalid          it took place, but its records or the machine do not allow a judgement
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from lab.facts.measures import MEASURES, NO_STANDBY, Expectation

MET, NOT_MET, COULD_NOT_RUN = "met", "not met", "could not run"
NOT_APPLICABLE, INVALID = "not applicable", "invalid"
STATUS: Mapping[str, int] = {MET: 0, NOT_MET: 1, COULD_NOT_RUN: 2, NOT_APPLICABLE: 2, INVALID: 3}
"""The exit status of each verdict."""
UNKNOWN = "unknown"


@dataclass(frozen=True)
class Judged:
    """One expectation held against its measurement. `measured` is a reason where there is no value."""

    text: str
    expected: str
    measured: float | str
    unit: str
    met: bool


@dataclass(frozen=True)
class Facts:
    """What else counts: reasons in words, each tuple empty where there is nothing to say."""

    invalid: tuple[str, ...] = ()
    not_run: tuple[str, ...] = ()
    aborted: str = ""
    recovered: bool = True
    recovery_within_s: float = 0.0
    unsteady_because: str = ""
    broken_invariants: tuple[str, ...] = ()


@dataclass(frozen=True)
class Verdict:
    """The verdict, its reasons, and every expectation with its measurement.

    `measures` has all that can be measured, expected or not; a text is the reason why there is no value.
    """

    verdict: str
    because: tuple[str, ...]
    expectations: tuple[Judged, ...] = ()
    measures: Mapping[str, float | str] = field(default_factory=dict)

    @property
    def status(self) -> int:
        """Return the exit status."""
        return STATUS[self.verdict]

    def as_json(self) -> dict[str, Any]:
        """Return the verdict's own part of verdict.json."""
        return asdict(self)


def judge_each(expected: Sequence[Expectation], measures: Mapping[str, float | str]) -> tuple[Judged, ...]:
    """Hold each expectation against its measurement."""
    found = []
    for one in expected:
        value = measures[one.measure]
        # What the topology cannot have is not asked of it; what should have happened and did not is not met.
        met = value == NO_STANDBY if isinstance(value, str) else one.met_by(value)
        found.append(Judged(one.measure, one.words, value, MEASURES[one.measure].unit, met))
    return tuple(found)


def judge(judged: Sequence[Judged], facts: Facts, unknown: float = 0.0) -> Verdict:
    """Return the verdict. `unknown` is how many requests have no known fate."""
    invalid = list(facts.invalid)
    # A scenario may state how many unknown ones it bears; where it says nothing, one is too many to judge.
    if unknown and not any(one.text == UNKNOWN for one in judged):
        invalid.append(f"the records do not tell what became of {unknown:g} requests")
    if facts.not_run:
        return Verdict(COULD_NOT_RUN, facts.not_run, tuple(judged))
    broken = []
    if facts.aborted:
        broken.append(f"stopped early: {facts.aborted}")
    if not facts.recovered:
        why = f": {facts.unsteady_because}" if facts.unsteady_because else ""
        broken.append(f"not recovered within {facts.recovery_within_s:g} s{why}")
    broken += [_broken(one) for one in judged if not one.met]
    broken += [f"an invariant is broken: {one}" for one in facts.broken_invariants]
    if invalid:
        return Verdict(INVALID, (*invalid, *broken), tuple(judged))
    if broken:
        return Verdict(NOT_MET, tuple(broken), tuple(judged))
    return Verdict(MET, ("everything expected holds",), tuple(judged))


def _broken(one: Judged) -> str:
    if isinstance(one.measured, str):
        return f"{one.text}: {one.measured} (expected {one.expected} {one.unit})"
    return f"{one.text} is {one.measured:g} {one.unit} (expected {one.expected})"


def overall(verdicts: Sequence[str]) -> str:
    """Return the verdict of several trials: the first of these that any of them has."""
    for verdict in (NOT_MET, INVALID, COULD_NOT_RUN, NOT_APPLICABLE):
        if verdict in verdicts:
            return verdict
    return MET if verdicts else COULD_NOT_RUN
