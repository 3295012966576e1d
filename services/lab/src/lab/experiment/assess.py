"""From an experiment's folder to its verdict: ledger, story, invariants, expectations."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from lab.errors import LabError
from lab.experiment.schedule import Plan
from lab.experiment.strokes import INJECT
from lab.facts import exposure, invariants, judge, ledger, measures, story, summary
from lab.facts.judge import Facts, Verdict
from lab.parts.controller import Entry
from lab.records.folder import FAULTS, json_lines


def verdict(folder: Path, plan: Plan, entries: Sequence[Entry], zero_s: float, facts: Facts) -> Verdict:
    """Make ledger, story and invariants, and judge. Records that cannot be read make it invalid.

    Without a load there is nothing to make a ledger of: the story alone is told, and the recovery
    judged.
    """
    # What ended half-way after a fault may have been ended by the damage: that is looked at.
    if facts.not_run and not _struck(folder):
        return judge.judge((), facts)
    try:
        if not plan.loaded:
            story.build(folder)
            return judge.judge((), facts)
        load = summary.summarise(folder)
        summary.save(folder, load)
        book = ledger.build(folder)
        story.build(folder)
        findings = invariants.check(folder)
        at_stake = exposure.of(folder, entries, plan.roles)
        found = measures.measured(folder, entries, plan.roles, plan.targets, zero_s, exposure=at_stake)
    except LabError as error:
        return judge.judge((), replace(facts, invalid=(*facts.invalid, error.what)))
    broken = [f"{one.name}: {'; '.join(one.evidence[:1])}" for one in findings if one.verdict == "invalid"]
    untold = [
        f"not every invariant can be checked: {why}"
        for why in dict.fromkeys(why for one in findings if one.verdict == "unknown" for why in one.evidence)
    ]
    # Records that are not whole may lack what was at stake.
    nothing = [] if book.incomplete_because else [exposure.nothing_at_stake(at_stake)]
    facts = replace(
        facts,
        invalid=(*facts.invalid, *book.incomplete_because, *untold, *filter(None, nothing)),
        # Missing rows (the ledger tells of them too) take nothing from the damage that was counted.
        untrusted=(
            *facts.untrusted,
            *(why for why in load.invalid_because if why not in book.incomplete_because),
        ),
        broken_invariants=tuple(broken),
    )
    values = measures.all_of(found)
    judged = judge.judge(judge.judge_each(plan.scenario.expect, values), facts, found.of_class(judge.UNKNOWN))
    if judged.verdict == judge.MET and (free := judge.unbounded(plan.scenario.expect)):
        judged = replace(judged, because=(*judged.because, free))
    return replace(judged, measures=values, exposure=at_stake)


def _struck(folder: Path) -> bool:
    """Return whether any fault was injected."""
    return any(line["event"] == INJECT for line in json_lines(folder / FAULTS))
