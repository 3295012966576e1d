"""An experiment's ledger, budget of time and invariants, as the terminal shows them."""

from collections.abc import Iterator, Sequence

from rich.console import Group, RenderableType
from rich.text import Text

from lab.facts.invariants import INVALID, UNKNOWN, Finding
from lab.facts.ledger import LOST, Ledger
from lab.facts.story import Story
from lab.records.times import clock
from lab.report import stake, terminal

SHOWN = 5
COLOURS = {INVALID: "bold red", UNKNOWN: "yellow"}


def text(made: Ledger, story: Story, findings: Sequence[Finding]) -> RenderableType:
    """Return the three, one below the other."""
    return Group(*_ledger(made), Text(), *_budget(story), Text(), *_invariants(findings))


def _ledger(made: Ledger) -> Iterator[RenderableType]:
    table = terminal.table(("class",), ("requests",), ("",))
    for name, count in made.classes.items():
        bad = count and (name in LOST or name in ("wrong_answer", "unknown"))
        table.add_row(name, Text(str(count), style="bold red" if bad else ""), made.definitions[name])
    table.add_row("sent", str(made.sent), "the sum")
    yield table
    if made.sent and not sum(made.classes[name] for name in LOST):
        yield Text(f"0 of {stake.zero(made.sent, 'requests')}")
    for lost in made.lost[:SHOWN]:
        where = f"{lost.phase}, {lost.termination_state or 'no line of HAProxy'}"
        yield Text(
            f"{clock(lost.time)} {lost.request_id} {lost.class_}, {lost.server}: {where}; {lost.detail}"
        )
    if len(made.lost) > SHOWN:
        yield Text(f"and {len(made.lost) - SHOWN} more in ledger.json")
    for why, count in made.unknown_because.items():
        yield Text(f"unknown: {count}: {why}", style="yellow")
    if made.outages:
        share, window_s = 100 * made.objective["share"], made.objective["window_s"]
        yield Text(
            f"out of service: {made.out_of_service_s:.2f} s in all, the longest "
            f"{made.longest_outage_s:.2f} s (under {share:g} % of those due in {window_s:g} s served in time)"
        )
    if made.nothing_due_s:
        yield Text(f"for {made.nothing_due_s:.1f} s nothing was due: neither up nor out", style="yellow")
    for reason in made.incomplete_because:
        yield Text(f"INCOMPLETE: {reason}", style="bold red")
    yield from (Text(note, style="dim") for note in made.notes)


def _budget(story: Story) -> Iterator[RenderableType]:
    table = terminal.table(("phase",), ("took", "at"), ("from", "source"))
    for phase in story.phases:
        uncertain = "unknown" if phase.uncertainty_ms is None else f"{phase.uncertainty_ms:.0f}"
        took = f"{phase.duration_ms:.0f} ms ± {uncertain}"
        table.add_row(phase.name, took, f"{phase.at_ms:.0f} ms", phase.from_, Text(phase.source))
    if story.phases:
        yield table
    yield from (Text(note, style="dim") for note in (*story.remarks, *story.notes))


def _invariants(findings: Sequence[Finding]) -> Iterator[RenderableType]:
    for finding in findings:
        style = COLOURS.get(finding.verdict, "" if finding.seen else "yellow")
        yield Text(f"{finding.verdict:8} {finding.name} ({finding.saw})", style=style)
        yield from (Text(f"         {words}", overflow="fold") for words in finding.evidence[:SHOWN])
