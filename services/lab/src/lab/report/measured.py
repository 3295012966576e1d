"""docs/measured.md: what was measured, as Markdown tables made from the results themselves. Pure.

Each table names the command that makes its rows, the version, the date and the machine; each row
its n and what was left out. No row is written by hand: a test draws the page again from the results
beside it.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

Raw = Mapping[str, Any]

HEAD = """\
# What was measured

Made by `make measured` from results of this version; the results themselves lie in [measured/](measured/).
Each command can be run again; no row is written by hand.
"""
COSTS = (
    ("lost", "lost"),
    ("out_of_service_ms", "s out"),
    ("shed", "shed"),
    ("late", "late"),
    ("wrong_answer", "wrong"),
)
"""Measure -> what a cell of the scenarios' table says of it; `s out` in seconds."""


def page(benches: Sequence[Raw], experiments: Sequence[Raw], comparisons: Sequence[Raw]) -> str:
    """Return the page."""
    parts = [HEAD]
    if benches:
        parts.append(_bench(benches))
    if experiments:
        parts.append(_experiments(experiments))
    parts += [_comparison(each) for each in comparisons]
    return "\n".join(parts)


def _made(sources: Iterable[Raw]) -> str:
    """Return a line per distinct origin: command, version, date, machine."""
    lines = []
    for source in sources:
        made = source["made"]
        machine = ", ".join(f"{name} {text}" for name, text in made["machine"].items())
        line = f"`{made['command']}`, version {made['version']}, {made['date']} ({machine})."
        if line not in lines:
            lines.append(line)
    return "\n".join(lines)


def table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a Markdown table."""
    lines = [headings, ["---"] * len(headings), *rows]
    return "".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |\n" for line in lines)


def number(value: float) -> str:
    """Return a number for a reader; infinite: it never happened."""
    if math.isinf(value):
        return "never"
    return "-" if math.isnan(value) else f"{value:,.4g}" if abs(value) < 10_000 else f"{value:,.0f}"  # noqa: PLR2004


def _bench(benches: Sequence[Raw]) -> str:
    rows = [_figure(one) for bench in benches for one in bench["figures"]]
    headings = ("what", "to reach", "measured", "lowest to highest", "n", "left out, bounds", "reached")
    return f"## What the lab promises\n\n{_made(benches)}\n\n{table(headings, rows)}"


def _figure(one: Raw) -> tuple[str, ...]:
    values = [float(each) for each in one["values"]]
    spread = f"{number(min(values))} to {number(max(values))}" if len(values) > 1 else "-"
    measured = f"{number(float(one['result']))} {one['unit']}".strip()
    reached = "yes" if one["reached"] else "**no**"
    return (one["what"], one["to_reach"], measured, spread, str(len(values)), one["note"] or "-", reached)


def _experiments(experiments: Sequence[Raw]) -> str:
    names = list(dict.fromkeys(row["scenario"] for each in experiments for row in each["experiments"]))
    by_topology = {
        each["topology"]: {row["scenario"]: row for row in each["experiments"]} for each in experiments
    }
    headings = ("scenario", *(f"`{name}`" for name in by_topology))
    rows = (
        (f"`{name}`", *(_cell(rows.get(name)) for rows in by_topology.values())) for name in sorted(names)
    )
    words = (
        "The verdict on what each scenario expects, and what it cost: requests lost, seconds in which the\n"
        "objective was missed, requests shed, late and answered wrongly. One run each (n = 1), none\n"
        "left out; n/a: the topology lacks what is struck."
    )
    return f"## What each topology loses\n\n{_made(experiments)}\n\n{words}\n\n{table(headings, rows)}"


def _cell(row: Raw | None) -> str:
    if row is None:
        return "-"
    verdict = str(row["verdict"])
    if verdict == "not applicable":
        return "n/a"
    shown = verdict if verdict == "met" else f"**{verdict}**"
    costs = []
    for measure, word in COSTS:
        value = row["measures"].get(measure)
        if isinstance(value, int | float) and value > 0:
            costs.append(f"{value / 1000:.1f} {word}" if measure.endswith("_ms") else f"{value:,.0f} {word}")
    return f"{shown}: {', '.join(costs)}" if costs else shown


def _comparison(comparison: Raw) -> str:
    headings = ("topology", "servers", "median", "lowest", "highest", "n", "ended by", "left out")
    rows = (
        (
            f"`{row['topology']}`",
            str(row["servers"]),
            *(_rate(row["rates"][key]) for key in ("median", "lowest", "highest")),
            str(row["rates"]["n"]),
            ", ".join(f"{count} x {kind}" for kind, count in row["rates"]["ended_by"].items()) or "-",
            "; ".join(row["rates"]["left_out"]) or "none",
        )
        for row in comparison["rates"]
    )
    words = (
        "Rate at the first failure, requests/s: of one run it is one draw, and it moves with RAMP and the\n"
        "queue. `servers` took part, standbys among them."
    )
    return f"## The article's experiment\n\n{_made([comparison])}\n\n{words}\n\n{table(headings, rows)}"


def _rate(rate: Raw | None) -> str:
    if rate is None:
        return "-"
    return f"{'above ' if rate['above'] else ''}{rate['per_s']:.1f}"
