"""What a person sees of several trials.

A row per trial, then each expectation over those that count.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from lab.facts.trials import Result
from lab.report import terminal


def table(results: Sequence[Result], content: Mapping[str, Any]) -> RenderableType:
    """Draw what trials.json holds."""
    rows = terminal.table((), (), ("trial", "verdict", "because", "records"))
    for number, each in enumerate(results, 1):
        folder = f"results/{each.folder}/" if each.folder else "-"
        rows.add_row(str(number), each.verdict, "; ".join(each.because), folder)
    parts: list[RenderableType] = [rows]
    if content["measures"]:
        parts += [Text(), _measures(content["measures"])]
    if lines := _lines(content):
        parts += [Text(), *(Text(line, style="bold") for line in lines)]
    return Group(*parts)


def _measures(measures: Mapping[str, Any]) -> Table:
    headings = ("measure", "n", "median", "lowest to highest", "95 % of the median", "not as expected")
    measured = terminal.table((), (), headings)
    for name, row in measures.items():
        low, high = row["median_low"], row["median_high"]
        interval = "needs 6 trials" if low is None else f"{_number(low)} to {_number(high)}"
        spread = f"{_number(row['lowest'])} to {_number(row['highest'])}"
        broken = f"{row['broken']} of {row['trials']}: at most {_percent(row['broken_at_most'])} (95 %)"
        measured.add_row(
            f"{name} ({row['unit']})", str(row["trials"]), _number(row["median"]), spread, interval, broken
        )
    return measured


def _lines(content: Mapping[str, Any]) -> list[str]:
    lines = []
    if met := content["met"]:
        low, high = 100 * met["low"], 100 * met["high"]
        lines.append(
            f"met in {met['successes']} of {met['trials']} trials; 95 % interval {low:.0f} to {high:.0f} %"
        )
    if left_out := content["left_out"]:
        lines.append(f"n = {content['n']} of {content['planned']} trials; {len(left_out)} left out:")
        lines += [f"  trial {each['trial']}: {each['verdict']}: {each['because']}" for each in left_out]
    if at_stake := content["exposure"]:
        lines.append(
            f"{at_stake['exposed']} requests were at stake: {at_stake['saved_by_retry']} saved by a retry, "
            f"{at_stake['lost']} lost, {at_stake['late']} late"
        )
    return lines


def _number(value: float | str) -> str:
    return value if isinstance(value, str) else f"{value:g}"


def _percent(share: float) -> str:
    return f"{100 * share:.2g} %"
