"""From expectations and measurements to the verdict. Pure.

met              everything expected holds
not met          something does not, or the damage was too great, or the system did not recover in
                 time
could not run    the experiment did not take place as planned, and shows no damage
not applicable   the topology lacks what the scenario needs
invalid          it took place, but its records or the machine do not allow a judgement

Records that are not whole do not mend what they show to be broken: damage that was counted is *not
met*, and the reasons that would make it invalid stand beside it. Where the measuring itself is in
doubt (the load generator fell behind, the machine had no CPU left), what looks like damage may be
its own: that is invalid.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from lab.facts.measures import MEASURES, Expectation, asked

MET, NOT_MET, COULD_NOT_RUN = "met", "not met", "could not run"
NOT_APPLICABLE, INVALID = "not applicable", "invalid"
STATUS: Mapping[str, int] = {MET: 0, NOT_MET: 1, COULD_NOT_RUN: 2, NOT_APPLICABLE: 2, INVALID: 3}
"""The exit status of each verdict."""
UNKNOWN = "unknown"
DAMAGE = {
    "lost": {"lost", "lost_percent", "lost_after_100ms", "served_percent"},
    "refused": {"shed", "shed_percent", "served_percent"},
    "late": {"late", "late_percent", "served_percent"},
}
"""Kinds of damage, and the measures of which any sets a limit to it."""


@dataclass(frozen=True)
class Judged:
    """One expectation held against its measurement. `measured` is a reason where there is no value.

    `proven`: it is broken by what was counted, so that no missing record could mend it.
    """

    text: str
    expected: str
    measured: float | str
    unit: str
    met: bool
    proven: bool = False


@dataclass(frozen=True)
class Facts:
    """What else counts: reasons in words, each tuple empty where there is nothing to say.

    `invalid` are records that are missing; `untrusted` is what makes the measuring itself doubtful.
    """

    invalid: tuple[str, ...] = ()
    untrusted: tuple[str, ...] = ()
    not_run: tuple[str, ...] = ()
    aborted: str = ""
    recovered: bool = True
    recovery_within_s: float = 0.0
    unsteady_because: str = ""
    broken_invariants: tuple[str, ...] = ()


@dataclass(frozen=True)
class Verdict:
    """The verdict, its reasons, and every expectation with its measurement.

    `measures` has all that can be measured, expected or not; a text is the reason why there is no
    value. `exposure` is what was at stake, as facts/exposure.py counts it.
    """

    verdict: str
    because: tuple[str, ...]
    expectations: tuple[Judged, ...] = ()
    measures: Mapping[str, float | str] = field(default_factory=dict)
    exposure: Mapping[str, Any] = field(default_factory=dict)


def judge_each(expected: Sequence[Expectation], measures: Mapping[str, float | str]) -> tuple[Judged, ...]:
    """Hold each expectation against its measurement."""
    return tuple(_judge_one(each, measures[each.measure]) for each in expected)


def unbounded(expected: Sequence[Expectation]) -> str:
    """Return what a scenario that expects something allows without a limit, in words.

    Empty if nothing.
    """
    held = {each.measure for each in expected}
    free = [words for words, measures in DAMAGE.items() if not held & measures]
    return f"no limit is set to requests {', '.join(free)}" if expected and free else ""


def _judge_one(expected: Expectation, value: float | str) -> Judged:
    # What the topology cannot have is not asked of it; what should have happened and did not is not
    # met.
    met = not asked(value) if isinstance(value, str) else expected.met_by(value)
    proven = not met and not isinstance(value, str) and expected.exceeded_by(value)
    # What the records do not tell, a missing record could have told.
    proven = proven and expected.measure != UNKNOWN
    unit = MEASURES[expected.measure].unit
    return Judged(expected.measure, expected.words, value, unit, met, proven)


def judge(judged: Sequence[Judged], facts: Facts, unknown: float = 0.0) -> Verdict:
    """Return the verdict. `unknown` is how many requests have no known fate."""
    counted = [_broken(each) for each in judged if each.proven]
    stopped = [f"stopped early: {facts.aborted}"] if facts.aborted else []
    if facts.not_run and (stopped or counted) and not facts.untrusted:
        also = [f"besides, it did not go as planned: {each}" for each in facts.not_run]
        return Verdict(NOT_MET, (*stopped, *counted, *also), tuple(judged))
    if facts.not_run:
        return Verdict(COULD_NOT_RUN, facts.not_run, tuple(judged))
    invalid = list(facts.invalid)
    # A scenario may state how many unknown ones it bears; where it says nothing, any is too many to
    # judge.
    if unknown and not any(each.text == UNKNOWN for each in judged):
        invalid.append(f"the records do not tell what became of {unknown:g} requests")
    proven = stopped + _damage(facts) + counted
    broken = proven + [_broken(each) for each in judged if not each.met and not each.proven]
    if facts.untrusted:
        return Verdict(INVALID, (*facts.untrusted, *invalid, *broken), tuple(judged))
    if proven or (broken and not invalid):
        also = [f"besides, the records are not whole: {each}" for each in invalid]
        return Verdict(NOT_MET, (*broken, *also), tuple(judged))
    if invalid:
        return Verdict(INVALID, (*invalid, *broken), tuple(judged))
    return Verdict(MET, ("everything expected holds",), tuple(judged))


def _damage(facts: Facts) -> list[str]:
    """Return what went wrong beside the expectations.

    Each was seen, not concluded from what is missing.
    """
    damage = []
    if not facts.recovered:
        why = f": {facts.unsteady_because}" if facts.unsteady_because else ""
        damage.append(f"not recovered within {facts.recovery_within_s:g} s{why}")
    return damage + [f"an invariant is broken: {each}" for each in facts.broken_invariants]


def _broken(judged: Judged) -> str:
    if isinstance(judged.measured, str):
        return f"{judged.text}: {judged.measured} (expected {judged.expected} {judged.unit})"
    return f"{judged.text} is {judged.measured:g} {judged.unit} (expected {judged.expected})"


def of_trials(verdicts: Sequence[str]) -> str:
    """Return the verdict of the trials of one scenario: not met if any is.

    Met if at least half are met.

    The others were left out for reasons that have nothing to do with how they came out; they are
    listed.
    """
    if NOT_MET not in verdicts and 0 < len(verdicts) <= 2 * list(verdicts).count(MET):
        return MET
    return overall(verdicts)


def overall(verdicts: Sequence[str]) -> str:
    """Return the verdict of several experiments: the first of these that any of them has."""
    for verdict in (NOT_MET, INVALID, COULD_NOT_RUN, NOT_APPLICABLE):
        if verdict in verdicts:
            return verdict
    return MET if verdicts else COULD_NOT_RUN
