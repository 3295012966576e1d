"""Fetches what every part wrote during a trial into its folder, and says what of it is missing.

haproxy.jsonl     HAProxy's log of requests; haproxy.txt what else it said
predictor.jsonl   the access logs of all predictors, each line as it was logged
journal.jsonl     the controller's journal, from its container's log: it survives a restart of the controller
collected.json    per service: container, lines, and why something is missing
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from lab import answers, haproxy_log
from lab.controller_client import Entry
from lab.engine import Engine, epoch_s
from lab.errors import UnreachableError
from lab.records import write_json

HAPROXY_LOG, HAPROXY_MESSAGES = "haproxy.jsonl", "haproxy.txt"
PREDICTOR_LOG, JOURNAL, COLLECTED = "predictor.jsonl", "journal.jsonl", "collected.json"
HAPROXY, CONTROLLER = "haproxy", "controller"
STARTED = "started"
START_S = 10.0
"""A controller has written its first entry within this."""


@dataclass(frozen=True)
class Collected:
    """One service's log. `missing` says why it is not whole; empty if it is."""

    service: str
    container_before: str
    container_after: str
    lines: int
    missing: str = ""


def identities(engine: Engine, services: Iterable[str]) -> dict[str, str]:
    """Return the id of each service's container; a log belongs to one container and goes with it."""
    found = {}
    for service in services:
        try:
            found[service] = str(engine.inspect(service).get("Id", ""))
        except UnreachableError:
            found[service] = ""
    return found


def collect(
    folder: Path, engine: Engine, since_s: float, before: Mapping[str, str]
) -> tuple[list[Entry], list[str]]:
    """Write the logs since a time (epoch s) into the folder; return the journal, and what is missing."""
    after = identities(engine, before)
    found: list[Collected] = []
    texts: dict[str, list[str]] = {}
    for service, known in before.items():
        try:
            texts[service] = engine.log_lines(service, since_s)
            missing = "" if after[service] == known else f"the container of {service} was replaced"
        except UnreachableError as error:
            texts[service], missing = [], f"the log of {service} cannot be read: {error.what}"
        found.append(Collected(service, known, after[service], len(texts[service]), missing))
    requests, messages = haproxy_log.split(texts.get(HAPROXY, []))
    _write(folder / HAPROXY_LOG, requests)
    _write(folder / HAPROXY_MESSAGES, messages)
    servers = (service for service in before if service not in (HAPROXY, CONTROLLER))
    _write(folder / PREDICTOR_LOG, [line for name in servers for line in texts[name] if _is_json(line)])
    entries = _with_policy(engine, journal(texts.get(CONTROLLER, [])))
    _write(folder / JOURNAL, [json.dumps(entry.raw) for entry in entries])
    write_json(folder / COLLECTED, [asdict(one) for one in found])
    return entries, [one.missing for one in found if one.missing] + _cut(folder, requests)


def journal(lines: Iterable[str]) -> list[Entry]:
    """Read the journal's entries among the lines of the controller's log."""
    found = []
    for line in lines:
        if _is_json(line):
            raw = json.loads(line)
            if {"seq", "time", "event"} <= set(raw):
                found.append(Entry.from_raw(raw))
    return found


def _with_policy(engine: Engine, entries: list[Entry]) -> list[Entry]:
    """Put the entry that tells the policy first: as a rule it is from long before the trial.

    It is the first that a controller writes; if its log was rotated since, there is none.
    """
    if entries and entries[0].event == STARTED:
        return entries
    try:
        begun_s = epoch_s(str(engine.inspect(CONTROLLER)["State"].get("StartedAt", "0001-")))
        if entries and begun_s > entries[0].time:
            return entries  # it was restarted during the trial: that life's beginning is among the entries
        early = engine.log_lines(CONTROLLER, begun_s - START_S, begun_s + START_S)
    except UnreachableError:
        return entries
    return [*[entry for entry in journal(early) if entry.event == STARTED][-1:], *entries]


def _cut(folder: Path, requests: list[str]) -> list[str]:
    """Say that HAProxy's log was cut (rotated): the requests that this trial sent first are not in it."""
    if not (folder / answers.ANSWERS).is_file() or any(answers.ID_PREFIX in line for line in requests[:1000]):
        return []
    return ["the log of haproxy does not reach back to the start: it was rotated"]


def _is_json(line: str) -> bool:
    if not line.startswith("{"):
        return False
    try:
        return isinstance(json.loads(line), dict)
    except ValueError:
        return False


def _write(path: Path, lines: Iterable[str]) -> None:
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
