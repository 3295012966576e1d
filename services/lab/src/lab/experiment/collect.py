"""Fetches what every part wrote during a trial into its folder, and says what of it is missing.

haproxy.jsonl     HAProxy's log of requests; haproxy.txt what else it said
predictor.jsonl   the access logs of all predictors, each line as it was logged
journal.jsonl     the controller's journal, from its container's log: it survives a restart of the
                  controller
collected.json    per service: container, lines, and why something is missing

The logs of requests go line by line from Docker to the files: they may be larger than memory.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TextIO

from hadr.contract import Event
from lab.errors import UnreachableError
from lab.parts.controller import Entry
from lab.parts.docker import Engine
from lab.records.folder import (
    ANSWERS,
    COLLECTED,
    HAPROXY_LOG,
    HAPROXY_MESSAGES,
    JOURNAL,
    PREDICTOR_LOG,
    REQUESTS,
    json_object,
    write_json,
)
from lab.records.requests import PROBE_PREFIX

HAPROXY, CONTROLLER = "haproxy", "controller"
EVER_S = 1.0
"""Since the beginning of Docker's log (epoch s; its client takes no 0)."""
FIRST = 1000
"""The requests that a trial sends first are among so many of HAProxy's lines."""


@dataclass(frozen=True)
class Collected:
    """One service's log. `missing` says why it is not whole; empty if it is."""

    service: str
    container_before: str
    container_after: str
    lines: int
    missing: str = ""


def identities(engine: Engine, services: Iterable[str]) -> dict[str, str]:
    """Return the id of each service's container.

    A log belongs to one container and goes with it.
    """
    ids = {}
    for service in services:
        try:
            ids[service] = str(engine.inspect(service).get("Id", ""))
        except UnreachableError:
            ids[service] = ""
    return ids


def collect(
    folder: Path, engine: Engine, since_s: float, before: Mapping[str, str]
) -> tuple[list[Entry], list[str]]:
    """Write the logs since a time (epoch s) into the folder.

    Return the journal, and what is missing.

    What collected.json says to be missing the ledger says too; it is returned only where there are
    no requests to make a ledger of.
    """
    after = identities(engine, before)
    entries: list[Entry] = []
    collected: list[Collected] = []
    with (
        (folder / HAPROXY_LOG).open("w", encoding="utf-8") as requests,
        (folder / HAPROXY_MESSAGES).open("w", encoding="utf-8") as messages,
        (folder / PREDICTOR_LOG).open("w", encoding="utf-8") as predictors,
    ):

        def read(service: str, lines: Iterator[str]) -> str:
            if service == HAPROXY:
                return _haproxy(folder, lines, requests, messages)
            if service == CONTROLLER:
                entries.extend(_entries(lines))
                return ""
            predictors.writelines(f"{line}\n" for line in lines if line.startswith("{"))
            return ""

        for service, known in before.items():
            reasons = [] if after[service] == known else [f"the container of {service} was replaced"]
            lines = _Counted(engine.log_stream(service, since_s))
            try:
                reasons.append(read(service, lines))
            except UnreachableError as error:
                reasons.append(f"the log of {service} cannot be read: {error.what}")
            why = "; ".join(filter(None, reasons))
            collected.append(Collected(service, known, after[service], lines.count, why))
    entries = _from_the_start(engine, entries)
    journal = "".join(f"{json.dumps(entry.raw)}\n" for entry in entries)
    (folder / JOURNAL).write_text(journal, encoding="utf-8")
    write_json(folder / COLLECTED, [asdict(one) for one in collected])
    told = (folder / REQUESTS).is_file()
    return entries, [] if told else [one.missing for one in collected if one.missing]


class _Counted(Iterator[str]):
    """Lines, counted as they are taken."""

    def __init__(self, lines: Iterator[str]) -> None:
        self._lines = lines
        self.count = 0

    def __next__(self) -> str:
        line = next(self._lines)
        self.count += 1
        return line


def _haproxy(folder: Path, lines: Iterable[str], requests: TextIO, messages: TextIO) -> str:
    """Part HAProxy's lines; return whether its log was cut (rotated).

    Then the probe that this trial sent first is not in it.
    """
    count, begun = 0, not (folder / ANSWERS).is_file()
    for line in lines:
        is_request = line.startswith("{")
        (requests if is_request else messages).write(f"{line}\n")
        count += is_request
        begun = begun or (is_request and count <= FIRST and PROBE_PREFIX in line)
    return "" if begun else f"the log of {HAPROXY} does not reach back to the start: it was rotated"


def _entries(lines: Iterable[str]) -> Iterator[Entry]:
    """Yield the journal's entries among the lines; what else the controller said is left out."""
    for line in lines:
        raw = json_object(line)
        if raw is not None and {"seq", "time", "event"} <= set(raw):
            yield Entry.from_raw(raw)


def _from_the_start(engine: Engine, entries: list[Entry]) -> list[Entry]:
    """Put the controller's first entry in front.

    It tells the policy, and as a rule is from before the trial.

    It is the first line of its log. If it is still there, Docker has dropped nothing of that log.
    """
    if entries and entries[0].event == Event.STARTED:
        return entries
    try:
        first = next(_entries(engine.log_stream(CONTROLLER, EVER_S)), None)
    except UnreachableError:
        return entries
    return [first, *entries] if first and first.event == Event.STARTED else entries
