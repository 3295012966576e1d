"""Reads an experiment's result folder. The report names what is missing or broken, and goes on.

Only verdict.json has to be there: it is what makes a folder that of an experiment.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lab.errors import RecordsError
from lab.parts.controller import Entry
from lab.records.folder import (
    FAULTS,
    INVARIANTS,
    JOURNAL,
    LEDGER,
    REQUESTS,
    SAMPLES,
    SCENARIO,
    SETTINGS_FILE,
    STORY,
    VERDICT,
    json_object,
    read_json,
)

Raw = Mapping[str, Any]


@dataclass(frozen=True)
class Records:
    """An experiment's records as they were read; `remarks` says what could not be."""

    folder: Path
    verdict: Raw
    ledger: Raw
    story: Raw
    findings: Sequence[Raw]
    settings: Raw
    samples: Sequence[Raw]
    faults: Sequence[Raw]
    journal: Sequence[Entry]
    scenario: str
    remarks: Sequence[str]

    @property
    def zero_s(self) -> float:
        """The first fault's beginning, from which times count; without a fault, the run's.

        Epoch seconds.
        """
        injected = [float(event["time"]) for event in self.faults if event.get("event") == "inject"]
        if injected:
            return min(injected)
        return float((self.verdict.get("fault_s") or [None])[0] or self.verdict.get("started_s") or 0)

    @property
    def zero_name(self) -> str:
        """Return what times count from, in words."""
        injected = any(event.get("event") == "inject" for event in self.faults)
        return "the first fault" if injected else "the start of the run"

    @property
    def requests(self) -> Path | None:
        """The client's rows, if there are any."""
        path = self.folder / REQUESTS
        return path if path.is_file() and path.stat().st_size else None


def read(folder: Path) -> Records:
    """Read the folder; raise RecordsError if it holds no verdict."""
    verdict = read_json(folder / VERDICT)
    if not isinstance(verdict, dict):
        raise RecordsError(f"{folder / VERDICT} is not an object", remedy="take another result folder")
    remarks: list[str] = []
    settings = _object(folder / SETTINGS_FILE, remarks)
    # A run that was planned without load has no requests, and nothing that is made from them.
    loaded = (settings.get("plan") or {}).get("rate_per_s") != 0
    invariants = _object(folder / INVARIANTS, remarks) if loaded else {}
    records = Records(
        folder=folder,
        verdict=verdict,
        ledger=_object(folder / LEDGER, remarks) if loaded else {},
        story=_object(folder / STORY, remarks),
        findings=tuple(invariants.get("findings", ())),
        settings=settings,
        samples=_timed(folder / SAMPLES, remarks),
        faults=_timed(folder / FAULTS, remarks),
        journal=tuple(_entries(folder / JOURNAL, remarks)),
        scenario=_text(folder / SCENARIO, remarks),
        remarks=remarks,
    )
    if not loaded:
        remarks.append("nothing was sent: there are no requests to account for")
    elif records.requests is None:
        remarks.append(f"{REQUESTS} is missing or empty: load and latency are not drawn")
    return records


def _text(path: Path, remarks: list[str]) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        remarks.append(f"{path.name} is missing")
        return ""


def _object(path: Path, remarks: list[str]) -> Raw:
    """Return a file's JSON object, an empty one where there is none."""
    text = _text(path, remarks)
    try:
        raw = json.loads(text) if text else {}
    except json.JSONDecodeError as error:
        remarks.append(f"{path.name} is not JSON: {error}")
        return {}
    if not isinstance(raw, dict):
        remarks.append(f"{path.name} is not an object")
        return {}
    return raw


def _lines(path: Path, remarks: list[str]) -> list[dict[str, Any]]:
    """Return the objects of a file of JSON lines; lines that are none are counted."""
    rows, broken = [], 0
    # A line ends with \n alone: a sentence in it may hold what Python takes for another end of
    # line.
    for line in filter(None, _text(path, remarks).split("\n")):
        raw = json_object(line)
        if raw is None:
            broken += 1
        else:
            rows.append(raw)
    if broken:
        remarks.append(f"{path.name}: {broken} lines are not JSON objects")
    return rows


def _timed(path: Path, remarks: list[str]) -> tuple[Raw, ...]:
    """Return the rows that have a time, in its order."""
    rows = _lines(path, remarks)
    timed = [row for row in rows if isinstance(row.get("time"), int | float)]
    if len(timed) < len(rows):
        remarks.append(f"{path.name}: {len(rows) - len(timed)} lines have no time")
    return tuple(sorted(timed, key=lambda row: float(row["time"])))


def _entries(path: Path, remarks: list[str]) -> list[Entry]:
    entries, broken = [], 0
    for row in _lines(path, remarks):
        try:
            entries.append(Entry.from_raw(row))
        except (KeyError, TypeError, ValueError):
            broken += 1
    if broken:
        remarks.append(f"{path.name}: {broken} lines are not journal entries")
    # Not by number: a controller that was struck counts from the beginning again.
    return sorted(entries, key=lambda entry: entry.time)
