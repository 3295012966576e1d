"""No sentence is parsed: a reworded journal gives the same findings, figures and ledger."""

import dataclasses
from pathlib import Path
from typing import Any

import pytest

from lab.facts import invariants, ledger, story
from lab.parts.controller import Entry
from unit.lab.journal_entries import signalled
from unit.lab.planted_records import Planted, acted, decided, observed, told

SENTENCES = ("what", "reason", "signals")
JOURNALS = {
    "a failover": (
        signalled(2, "tripwire", "tripwire_connected", "connection to 10.0.0.1:8000 stands"),
        signalled(18, "tripwire", "tripwire_ended", "tripwire ended; predictor-1 refused connections"),
        observed(18, "predictor-1", health="down", tripwire="refused"),
        decided(19, "promote", "predictor-3"),
        acted(20, "promote", "predictor-3"),
        observed(21, "predictor-3", weight=100),
        (21.5, "confirmed", {"action": "promote", "server": "predictor-3", "took_ms": 2.0}),
        signalled(90, "docker", "died", "event `die`, exit code 137"),
    ),
    "starts in a row after a kill": (
        observed(18, "predictor-1", health="down", tripwire="refused"),
        decided(200, "start", "predictor-1"),
        decided(1300, "start", "predictor-1"),
        observed(3000, "predictor-1", health="up", tripwire="connected", container="running"),
        signalled(8999, "docker", "killed", "event `kill`, signal 9"),
        observed(9000, "predictor-1", health="down", tripwire="refused"),
        decided(9200, "start", "predictor-1"),
        decided(10_250, "start", "predictor-1"),
    ),
    "starts in a row without one": (
        observed(18, "predictor-1", health="down", tripwire="refused"),
        decided(200, "start", "predictor-1"),
        decided(300, "start", "predictor-1"),
        signalled(400, "docker", "started", "event `start`"),
    ),
    "taken out for errors in the traffic": (
        signalled(400, "traffic", "traffic_errors", "HANA Detected 10 consecutive errors"),
        decided(401, "mark_down", "predictor-1"),
        acted(402, "mark_down", "predictor-1"),
    ),
}


def reworded(entry: Entry, sentence: str) -> Entry:
    """Return the entry with other sentences."""
    changed = {key: sentence if key in SENTENCES else value for key, value in entry.raw.items()}
    return dataclasses.replace(entry, raw=changed)


def results(folder: Path, journal: list[Entry]) -> dict[str, Any]:
    """Return what the records show with this journal, without the sentences."""
    folder.mkdir()
    planted = Planted(folder)
    planted.journal = journal
    planted.fault(0.0, "inject")
    planted.fault(3.0, "ended")
    for number in range(100):
        planted.request(number / 10, server="predictor-2")
    planted.request(0.05, server="predictor-3")
    # Whether a line may be missing from its log depends on a server's death.
    planted.request(0.04, server="predictor-1", executed=[])
    planted.save()
    made = ledger.build(folder)
    told_of = story.build(folder)
    return {
        "findings": [(each.name, each.verdict, each.evidence) for each in invariants.check(folder)],
        "milestones": [(each.name, each.server, each.time_s) for each in told_of.milestones],
        "phases": [(phase.name, phase.server, phase.duration_ms) for phase in told_of.phases],
        "ledger": (made.complete, made.incomplete_because, [row.class_ for row in made.lost]),
    }


@pytest.mark.parametrize("name", JOURNALS)
@pytest.mark.parametrize("sentence", ["", "event `kill`", "connected", "predictor-2 HANA"])
def test_rewording_changes_no_finding(tmp_path: Path, name: str, sentence: str) -> None:
    journal = told(*JOURNALS[name])
    other = [reworded(entry, sentence) for entry in journal]
    assert results(tmp_path / "as written", journal) == results(tmp_path / "reworded", other)
