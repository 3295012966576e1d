"""The report in the terminal: short, the verdict first."""

from collections.abc import Sequence
from pathlib import Path

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from lab.facts import invariants
from lab.facts.judge import INVALID, STATUS
from lab.records.folder import VERDICT, read_json
from lab.report import stake, tables
from lab.report.folder import Raw, Records, read
from lab.report.terminal import table as columns

STYLES = {"met": "bold green", "not met": "bold red", "invalid": "bold magenta"}
LOST_SHOWN = 5


def status(folder: Path) -> int:
    """Return the exit status that belongs to the folder's verdict."""
    return STATUS.get(str(read_json(folder / VERDICT).get("verdict")), STATUS[INVALID])


def terminal(folder: Path) -> RenderableType:
    """Return the report of an experiment's folder as text."""
    found = read(folder)
    parts: list[RenderableType] = [_verdict(found)]
    for table in (_expectations(found.verdict), _budget(found), _classes(found.ledger), _lost(found)):
        if table.row_count:
            parts += [Text(), table]
    if lines := stake.sentences(found.verdict, found.ledger):
        parts += [Text(), *(Text(line) for line in lines)]
    broken = [raw for raw in found.findings if raw.get("verdict") != "valid"]
    for raw in broken:
        evidence = [str(one) for one in raw.get("evidence") or ()] or ["no evidence given"]
        more = f" (and {len(evidence) - 1} more in the report)" if len(evidence) > 1 else ""
        sentence = f"invariant {raw.get('verdict')}: {raw.get('name')}: {evidence[0]}{more}"
        parts.append(Text(sentence, style="red" if raw.get("verdict") == "invalid" else "yellow"))
    if found.findings and not broken:
        parts += [Text(), Text(_all_valid(found.findings))]
    if found.remarks:
        parts += [Text(), Text(f"records: {'; '.join(found.remarks)}", style="yellow")]
    return Group(*parts)


def _all_valid(findings: Sequence[Raw]) -> str:
    """Return how many events each rule saw, where all of them held.

    A rule that saw none proves nothing.
    """
    saw = [invariants.saw(raw) for raw in findings if raw.get("seen")]
    none = [str(raw.get("name")) for raw in findings if not raw.get("seen")]
    text = f"invariants: all {len(findings)} valid ({', '.join(saw) or 'they saw nothing'})"
    return f"{text}. Nothing to see for: {', '.join(none)}" if saw and none else text


def _verdict(found: Records) -> Text:
    verdict = str(found.verdict.get("verdict", "unknown"))
    text = Text(verdict.upper(), style=STYLES.get(verdict, "bold yellow"))
    names = (found.verdict.get("scenario"), found.verdict.get("topology"))
    text.append(f"  {' on '.join(str(name) for name in names if name)}", style="bold")
    if found.verdict.get("seed") is not None:
        text.append(f", seed {found.verdict['seed']}", style="default")
    for reason in found.verdict.get("because") or ():
        text.append(f"\n  {reason}", style="default")
    return text


def _expectations(verdict: Raw) -> Table:
    table = columns(("expectation",), ("expected", "measured", "met"))
    words = {True: Text("yes", style="green"), False: Text("NO", style="bold red"), None: Text("-")}
    for row in tables.expectations(verdict):
        table.add_row(Text(row.text), Text(row.expected), Text(row.measured), words[row.met])
    return table


def _budget(found: Records) -> Table:
    table = columns(("where the time went",), ("took", "uncertainty"))
    for phase in tables.phases(found.story, found.zero_s):
        table.add_row(Text(phase.name), Text(phase.duration), Text(phase.uncertainty))
    return table


def _classes(ledger: Raw) -> Table:
    table = columns(("requests",), ("count", "share"))
    if ledger.get("sent") is not None:
        table.add_row("sent", tables.number(int(ledger["sent"])), "")
    for row in tables.classes(ledger):
        if row.count:
            table.add_row(Text(row.name.replace("_", " ")), tables.number(row.count), f"{row.percent:.3g} %")
    return table


def _lost(found: Records) -> Table:
    lost = found.ledger.get("lost") or ()
    table = columns(("lost request",), ("at", "class", "server", "phase", "HAProxy"))
    for raw in lost[:LOST_SHOWN]:
        at = f"{float(raw['time']) - found.zero_s:+.3f} s" if raw.get("time") is not None else "-"
        words = (raw.get("class"), raw.get("server"), raw.get("phase"), raw.get("termination_state"))
        table.add_row(
            Text(str(raw.get("request_id"))),
            at,
            *(Text(str(word or "-").replace("_", " ")) for word in words),
        )
    return table
