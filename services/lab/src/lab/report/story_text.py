"""A failure as the terminal tells it: the milestones, then the requests, in sentences."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from lab.facts import judge, milestones
from lab.records.classes import FAILURES
from lab.records.folder import STORY, SUMMARY, VERDICT, read_json
from lab.report import terminal
from lab.report.terminal import Trimmed

LEFT_OUT = (milestones.COMMANDED, milestones.AFFECTED)
"""Too fine for the terminal: the report and story.json have them."""
EMPHASIS = {
    milestones.INJECTED: "red",
    milestones.IN_ROTATION: "bold green",
    milestones.FIRST_SERVED: "green",
    milestones.STEADY: "bold",
}

Raw = Mapping[str, Any]


def page(folder: Path) -> RenderableType:
    """Return what happened, what became of the requests, and where the records are."""
    verdict = read_json(folder / VERDICT)
    lines = _reasons(verdict)
    parts: list[RenderableType] = []
    if (folder / STORY).is_file():
        story = read_json(folder / STORY)
        remarks = (Text(f"  - {remark}") for remark in story["remarks"])
        parts += [Trimmed(_milestones(story)), *remarks, Text()]
        lines += _requests(story["requests"]) if story["requests"] else ()
    lines += _whole_run(folder)
    return Group(*parts, *(Text(line) for line in lines), Text(f"Records: results/{folder.name}/"))


def _reasons(verdict: Raw) -> list[str]:
    """Return why a run could not be, or why its figures are not to be relied on.

    The page says the rest.
    """
    if verdict["verdict"] in (judge.MET, judge.NOT_MET):
        return []
    words = str(verdict["verdict"]).upper()
    words = "Not valid as a measurement" if verdict["verdict"] == judge.INVALID else words
    return [f"{words}: {reason}" for reason in verdict["because"]]


def _milestones(story: Raw) -> Table:
    table = terminal.table(("at", "name", "server"), texts=("text",))
    table.show_header, table.columns[0].justify = False, "right"
    for each in story["milestones"]:
        if each["name"] in LEFT_OUT:
            continue
        at_ms = each["at_ms"]
        at = f"+{at_ms:.1f} ms" if at_ms < 10_000 else f"+{at_ms / 1000:.2f} s"  # noqa: PLR2004
        name = each["fault"] if each["name"] == milestones.INJECTED else each["name"]
        style = EMPHASIS.get(each["name"], "")
        table.add_row(Text(f"  {at}"), Text(name, style=style), Text(each["server"]), Text(each["text"]))
    return table


def _requests(around: Raw) -> Iterator[str]:
    """Yield what became of the requests around the failure, by the ledger."""
    counts = [f"{around['served']} served", f"{around['refused']} refused", f"{around['lost']} lost"]
    counts += [f"{around['late']} late"] if around["late"] else []
    counts += [f"{count} {name.replace('_', ' ')}" for name, count in around["others"].items()]
    span = f"From the fault until {around['seconds']:.1f} s later"
    retried = f"{around['retried']} {'was' if around['retried'] == 1 else 'were'} tried again"
    yield f"{span}: {around['sent']} requests, {', '.join(counts)}; {retried}"
    if around["slowest_ms"] is None:
        return
    slowest = f"Slowest: {around['slowest_ms']:.1f} ms (request {around['slowest_id']})"
    if around["first_second_ms"] is not None:
        slowest += f"; in the first second: {around['first_second_ms']:.1f} ms"
    if around["usual_ms"] is not None:
        slowest += f"; usual in a second before the fault: {around['usual_ms']:.1f} ms"
    yield slowest


def _whole_run(folder: Path) -> Iterator[str]:
    """Yield what the load generator saw, from its first request to its last."""
    if not (folder / SUMMARY).is_file():
        yield "No load was brought along: LOAD=1 brings some."
        return
    load = read_json(folder / SUMMARY)
    counts = {kind: load[f"{kind}_requests"] for kind in FAILURES}
    kinds = ", ".join(f"{count} {kind}" for kind, count in counts.items())
    failed = sum(counts.values())
    yield f"Load generator, whole run: {failed} of {load['sent_requests']} failed ({kinds})"
