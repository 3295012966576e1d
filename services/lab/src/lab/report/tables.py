"""The rows of the report's tables: numbers and texts, with their units. Pure.

Counts stand as they are recorded; times are seconds or milliseconds since the first fault.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from lab.facts.ledger import LOST, in_classes, in_time
from lab.report.folder import Raw

LOST_SHOWN = 50
EPOCH_S = 1e8
"""A budget's times count from the first fault; a number beyond this can only be a time of day."""


@dataclass(frozen=True)
class Expected:
    """One expectation and what was measured; `met` is None where nothing could be measured."""

    text: str
    expected: str
    measured: str
    met: bool | None


@dataclass(frozen=True)
class PhaseRow:
    """One phase of the budget; its bar's place is in percent of what is drawn, None: beyond it."""

    name: str
    since: str
    duration: str
    uncertainty: str
    source: str
    left_percent: float | None
    width_percent: float
    error_percent: float


@dataclass(frozen=True)
class ClassRow:
    """A class of the ledger: its count and share of the requests sent."""

    name: str
    count: int
    percent: float
    definition: str


@dataclass(frozen=True)
class ServerRow:
    """What one server did: a count per class of the ledger, in the table's order."""

    server: str
    total: int
    counts: tuple[int, ...]


def number(value: object) -> str:
    """Return a number for a reader: thousands apart, no more digits than it can mean."""
    if isinstance(value, bool) or value is None:
        return {True: "yes", False: "no", None: "-"}[value]
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:,.0f}" if value.is_integer() or abs(value) >= 1000 else f"{value:.3g}"  # noqa: PLR2004
    return str(value)


def milliseconds(value: object) -> str:
    """Return a duration: ms below 10 s, s above."""
    if not isinstance(value, int | float):
        return "-"
    if abs(value) >= 10_000:  # noqa: PLR2004
        return f"{value / 1000:,.2f} s"
    return f"{value:,.1f} ms" if abs(value) < 100 else f"{value:,.0f} ms"  # noqa: PLR2004


def expectations(verdict: Raw) -> list[Expected]:
    """Return the rows of the expectations' table."""
    rows = []
    for raw in verdict.get("expectations") or ():
        unit = str(raw.get("unit") or "")
        met = raw.get("met")
        rows.append(
            Expected(
                text=str(raw.get("text", "")).replace("_", " "),
                expected=_with_unit(raw.get("expected"), unit),
                measured=_with_unit(raw.get("measured"), unit),
                met=met if isinstance(met, bool) else None,
            )
        )
    return rows


def _with_unit(value: object, unit: str) -> str:
    text = number(value)
    # In place of a number may stand the reason why there is none.
    return f"{text} {unit}" if unit and text[-1:].isdigit() else text


def phases(story: Raw, zero_s: float) -> list[PhaseRow]:
    """Return the budget's phases.

    The bars share one linear scale that the long repair does not squeeze.

    Drawn to scale is everything, but a last phase that lasts until more than five times as late as
    all before it (the repair after the failover): that one is told in numbers only.
    """
    raws = [raw for raw in story.get("phases") or () if isinstance(raw, dict)]
    times = [(_since(raw.get("start_s"), zero_s), _since(raw.get("end_s"), zero_s)) for raw in raws]
    ends = sorted(end for start, end in times if start is not None and end is not None)
    longest, last = (0.0, *ends)[-2:] if ends else (0.0, 0.0)
    drawn_s = longest if 0 < 5 * longest < last else last
    return [_phase(raw, start, end, drawn_s) for raw, (start, end) in zip(raws, times, strict=True)]


def _since(value: object, zero_s: float) -> float | None:
    if not isinstance(value, int | float):
        return None
    return value - zero_s if value > EPOCH_S else float(value)


def _phase(raw: Mapping[str, Any], start: float | None, end: float | None, drawn_s: float) -> PhaseRow:
    uncertain = raw.get("uncertainty_ms")
    shown = start is not None and end is not None and drawn_s > 0 and end <= drawn_s
    left = 100 * max(start or 0.0, 0.0) / drawn_s if shown else None
    width = 100 * max((end or 0.0) - (start or 0.0), 0.0) / drawn_s if shown else 0.0
    error = uncertain / 10 / drawn_s if shown and isinstance(uncertain, int | float) else 0.0
    return PhaseRow(
        name=str(raw.get("name", "")),
        since=f"since {raw['from']}" if raw.get("from") else "",
        duration=milliseconds(raw.get("duration_ms")),
        uncertainty=_uncertainty(raw),
        source=str(raw.get("source") or ""),
        left_percent=left,
        width_percent=min(width, 100 - (left or 0)),
        error_percent=min(error, 25.0),
    )


def _uncertainty(raw: Mapping[str, Any]) -> str:
    """Return in words how far a phase's length may be off.

    Unknown where two clocks cannot be compared.
    """
    if "uncertainty_ms" not in raw:
        return ""
    known = raw["uncertainty_ms"]
    return "± unknown" if known is None else f"± {milliseconds(known)}"


def classes(ledger: Raw) -> list[ClassRow]:
    """Return the classes of the ledger, those without a request too."""
    counts, sent = ledger.get("classes") or {}, int(ledger.get("sent") or 0)
    definitions = ledger.get("definitions") or {}
    return [
        ClassRow(
            str(name), int(count), 100 * int(count) / sent if sent else 0.0, str(definitions.get(name, ""))
        )
        for name, count in counts.items()
    ]


def per_server(ledger: Raw) -> tuple[list[str], list[ServerRow]]:
    """Return the classes that any server has a request in, and each server's counts in them."""
    servers = {str(name): counts for name, counts in (ledger.get("per_server") or {}).items() if counts}
    order = [*(ledger.get("classes") or {}), *(name for counts in servers.values() for name in counts)]
    names = [name for name in dict.fromkeys(order) if any(counts.get(name) for counts in servers.values())]
    rows = [
        ServerRow(
            name or "(no server)",
            sum(int(counts.get(each) or 0) for each in names),
            tuple(int(counts.get(each) or 0) for each in names),
        )
        for name, counts in sorted(servers.items())
    ]
    return names, rows


def figures(verdict: Raw, ledger: Raw, story: Raw) -> list[tuple[str, str]]:
    """Return the few numbers that a reader looks for first: (name, value)."""
    rows: list[tuple[str, str]] = []
    if ledger.get("classes"):
        rows += [
            ("requests sent", number(int(ledger["sent"]))),
            ("served in time", number(in_time(ledger))),
            ("of them after a retry", number(in_classes(ledger, "served_after_retry"))),
            ("lost", number(in_classes(ledger, *LOST))),
            ("shed (429, 503)", number(in_classes(ledger, "shed"))),
            ("wrong answers", number(in_classes(ledger, "wrong_answer"))),
            ("unknown", number(in_classes(ledger, "unknown"))),
        ]
    if total := (verdict.get("exposure") or {}).get("total"):
        rows.append(("at stake, of them saved by a retry", f"{total['exposed']}, {total['saved_by_retry']}"))
    if isinstance(ledger.get("out_of_service_s"), int | float):
        rows.append(("out of service", milliseconds(ledger["out_of_service_s"] * 1000)))
    if ledger.get("longest_outage_s"):
        rows.append(("longest outage", milliseconds(ledger["longest_outage_s"] * 1000)))
    fault, recovered = verdict.get("fault_s") or [], verdict.get("recovered_s")
    promoted = next((p for p in story.get("phases") or () if p.get("name") == "in rotation"), None)
    if promoted and fault and isinstance(end := promoted.get("end_s"), int | float):
        rows.append(("standby in rotation after", milliseconds((_since(end, fault[0]) or 0) * 1000)))
    if isinstance(well := (verdict.get("measures") or {}).get("recovery_ms"), int | float):
        rows.append(("clients served for good after", milliseconds(well)))
    if fault and isinstance(recovered, int | float) and isinstance(fault[0], int | float):
        rows.append(("system steady again after", milliseconds((_since(recovered, fault[0]) or 0) * 1000)))
    return rows


def pairs(raw: object) -> Sequence[tuple[str, str]]:
    """Return an object's plain values as (name, text)."""
    if not isinstance(raw, dict):
        return ()
    return [(str(key), str(value)) for key, value in raw.items() if not isinstance(value, dict | list)]
