"""What must hold in every experiment, whatever was broken: checked in the saved records. Pure.

Each rule is a function that returns a Finding: valid, invalid (with what broke it), or unknown
(with what is missing from the records), and how many events it saw. `check` runs them all and
writes invariants.json.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lab.facts.invariants.evidence import Evidence, reading
from lab.facts.invariants.rules import (
    Told,
    back_off,
    demoted_when_stable,
    drained_left_alone,
    last_one_stays,
    not_after_failure,
    promoted_only_proven,
    topology_restored,
)
from lab.records.folder import INVARIANTS, write_json

VALID, INVALID, UNKNOWN = "valid", "invalid", "unknown"
SHOWN = 20
"""So many pieces of evidence are listed."""


@dataclass(frozen=True)
class Finding:
    """What the records say of one rule."""

    name: str
    verdict: str
    evidence: tuple[str, ...]
    rule: str
    seen: int
    events: str

    @property
    def saw(self) -> str:
        """Return how many events the rule applied to, in words.

        Where it saw none, it proves nothing.
        """
        return saw(dataclasses.asdict(self))


def saw(finding: Mapping[str, Any]) -> str:
    """Return what a saved finding saw, in words."""
    return f"{finding['events']}: {finding['seen'] or 'none seen'}"


Rule = Callable[[Evidence], Told]

RULES: dict[str, tuple[Rule, str, str]] = {
    # Name: the rule, its sentence, and what it looks at: its events.
    "only proven standbys promoted": (
        promoted_only_proven,
        "promoted only if check, tripwire and container (where Docker answers) say that it would answer",
        "promotions",
    ),
    "last healthy server stays": (
        last_one_stays,
        "a server that could answer is not taken out of rotation if no other one is in service",
        "servers taken out of rotation",
    ),
    "drained servers left alone": (
        drained_left_alone,
        "a server in maintenance, drained or parked gets no new request",
        "times that a server was out of rotation",
    ),
    "demoted only when stable": (
        demoted_when_stable,
        "a standby is demoted only when it and the servers it stood in for have been in service for stable_s",
        "demotions",
    ),
    "restarts within the back-off": (
        back_off,
        "starts of a server in a row are apart by pauses that double from start_pause_s to start_pause_max_s",
        "starts of a server",
    ),
    "topology restored": (
        topology_restored,
        "at the end each active server is up and in rotation, and each standby is up and parked",
        "servers",
    ),
    "nothing executed after its failure": (
        not_after_failure,
        "a request whose failure was reported to the client is not executed after that",
        "failed requests",
    ),
}


def check(folder: Path) -> tuple[Finding, ...]:
    """Check each rule in a folder that has a ledger, and write invariants.json."""
    with reading(folder) as evidence:
        findings = tuple(_finding(name, evidence) for name in RULES)
    content = {"findings": [dataclasses.asdict(finding) for finding in findings]}
    write_json(folder / INVARIANTS, content)
    return findings


def _finding(name: str, evidence: Evidence) -> Finding:
    rule, text, events = RULES[name]
    broken, missing, seen = rule(evidence)
    if broken:
        more = [f"and {len(broken) - SHOWN} more"] if len(broken) > SHOWN else []
        return Finding(name, INVALID, (*broken[:SHOWN], *more), text, seen, events)
    return Finding(name, UNKNOWN if missing else VALID, tuple(missing), text, seen, events)
