"""What a person sees of several trials: a row per trial, then each expectation over all of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from lab.experiment.runner import Outcome
from lab.facts import trials
from lab.facts.judge import MET, NOT_MET

COUNTED = (MET, NOT_MET)
"""Trials of another verdict say nothing about the system: their values are left out."""


def summary(outcomes: Sequence[Outcome]) -> dict[str, Any]:
    """Return the content of trials.json; intervals at 95 %."""
    counted = [one for one in outcomes if one.verdict.verdict in COUNTED]
    met = sum(one.verdict.verdict == MET for one in counted)
    values: dict[str, list[float]] = {}
    units: dict[str, str] = {}
    for outcome in counted:
        for one in outcome.verdict.expectations:
            if not isinstance(one.measured, str):
                values.setdefault(one.text, []).append(one.measured)
                units[one.text] = one.unit
    return {
        "level": trials.LEVEL,
        "trials": [{"folder": one.folder.name, "verdict": one.verdict.verdict} for one in outcomes],
        "met": asdict(trials.share(met, len(counted))) if counted else None,
        "measures": {
            name: {"unit": units[name], "values": found, **asdict(trials.spread(found))}
            for name, found in values.items()
        },
    }


def table(outcomes: Sequence[Outcome], content: dict[str, Any]) -> RenderableType:
    """Draw what trials.json holds."""
    rows = _table("trial", "verdict", "because", "records")
    for number, one in enumerate(outcomes, 1):
        rows.add_row(
            str(number), one.verdict.verdict, "; ".join(one.verdict.because), f"results/{one.folder.name}/"
        )
    measured = _table("measure", "median", "lowest to highest", "95 % interval of the median")
    for name, one in content["measures"].items():
        low, high = one["median_low"], one["median_high"]
        interval = "needs 6 trials" if low is None else f"{low:g} to {high:g}"
        spread = f"{one['lowest']:g} to {one['highest']:g}"
        measured.add_row(f"{name} ({one['unit']})", f"{one['median']:g}", spread, interval)
    parts: list[RenderableType] = [rows, Text(), measured]
    if met := content["met"]:
        low, high = 100 * met["low"], 100 * met["high"]
        words = (
            f"met in {met['successes']} of {met['trials']} trials; 95 % interval {low:.0f} to {high:.0f} %"
        )
        parts += [Text(), Text(words, style="bold")]
    return Group(*parts)


def _table(*headings: str) -> Table:
    made = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for heading in headings:
        made.add_column(heading, overflow="fold")
    return made
