"""What can be expected of an experiment: each measure with unit and definition, from the saved records.

A measure without a value (a promotion where there is no standby) is a text: the reason.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

from lab.facts import ledger_sql
from lab.facts.ledger import LOST, in_classes, in_time, late
from lab.parts.controller import STANDBY, Entry
from lab.records import LEDGER, STORY, read_json
from lab.records.percentiles import finite, percentile_sql

EARLY_MS = 100.0
NO_STANDBY = "this topology has no standby"
NO_SERVER = "no server was struck"
NOTHING_SENT = "nothing was sent"
NOT_EXPOSED = "no server in rotation was struck"
NOT_ASKED = (NO_STANDBY, NO_SERVER, NOTHING_SENT, NOT_EXPOSED)
"""Reasons that say nothing against the system. With any other reason, something did not come that should."""
COUNTS = ("requests", "%")
"""The units of what is counted: too many are too many, whatever other records are missing."""


def asked(value: float | str) -> bool:
    """Return whether a measure can be asked of the topology and the scenario at all."""
    return value not in NOT_ASKED


def number(value: float | str) -> float | None:
    """Return a measure's value; infinite where it should have come and did not, None where nobody asks."""
    if isinstance(value, str):
        return math.inf if asked(value) else None
    return value


@dataclass(frozen=True)
class Expectation:
    """A measure and its bound. `relation`: equal, at most, at least, under, above."""

    measure: str
    relation: str
    bound: float

    def met_by(self, value: float) -> bool:
        """Return whether a value keeps the bound."""
        return {
            "equal": value == self.bound,
            "at most": value <= self.bound,
            "at least": value >= self.bound,
            "under": value < self.bound,
            "above": value > self.bound,
        }[self.relation]

    def exceeded_by(self, value: float) -> bool:
        """Return whether more was counted than is allowed, which no further record could mend."""
        bounded = self.relation in ("equal", "at most", "under")
        return bounded and value > self.bound and MEASURES[self.measure].unit in COUNTS

    @property
    def words(self) -> str:
        """Return the bound as it is written in the file."""
        return f"{self.bound:g}" if self.relation == "equal" else f"{self.relation} {self.bound:g}"


@dataclass(frozen=True)
class Measured:
    """The records of an experiment, as far as measures need them. Times: epoch s."""

    ledger: Mapping[str, Any]
    story: Mapping[str, Any]
    entries: Sequence[Entry]
    roles: Mapping[str, str]
    targets: frozenset[str]
    zero_s: float
    outage_ms: float
    p99_ms: float | None
    slowest_ms: float | None
    above_usual_ms: float | None = None
    lost_early: int = 0

    def of_class(self, *names: str) -> float:
        """Count the requests in these classes of the ledger."""
        return float(in_classes(self.ledger, *names))

    def phase_end_ms(self, name: str) -> float | None:
        """Return when a phase of the budget ended, counted from the first fault."""
        for phase in self.story.get("phases", ()):
            if phase["name"] == name:
                return (float(phase["end_s"]) - self.zero_s) * 1000
        return None


@dataclass(frozen=True)
class Measure:
    """One thing that can be expected. `of` returns the value, or the reason why there is none."""

    unit: str
    help: str
    of: Callable[[Measured], float | str]


def _per_class(name: str, text: str) -> dict[str, Measure]:
    return {name: Measure("requests", text, lambda it: it.of_class(name))}


def _percent(of: Callable[[Measured], float]) -> Callable[[Measured], float | str]:
    """Return a count as a share of the requests sent."""

    def share(it: Measured) -> float | str:
        sent = int(it.ledger["sent"])
        return 100 * of(it) / sent if sent else NOTHING_SENT

    return share


def _phase(name: str, missing: str, *, standby: bool = True) -> Callable[[Measured], float | str]:
    def of(it: Measured) -> float | str:
        if standby and STANDBY not in it.roles.values():
            return NO_STANDBY
        at = it.phase_end_ms(name)
        return missing if at is None else at

    return of


def _actions(*names: str) -> Callable[[Measured], float | str]:
    """Count the actions that HAProxy or Docker accepted since the first fault."""
    return lambda it: float(
        sum(
            entry.event == "action"
            and entry.text("action") in names
            and entry.text("result") == "ok"
            and entry.time >= it.zero_s
            for entry in it.entries
        )
    )


def _out_of_rotation_ms(it: Measured) -> float | str:
    """Return when the last of the struck servers had left the rotation for the first time."""
    servers = it.targets & set(it.roles)
    if not servers:
        return NO_SERVER
    first = {}
    for entry in it.entries:
        name, change = entry.text("server"), entry.raw.get("change")
        if name in servers and name not in first and entry.time >= it.zero_s and isinstance(change, dict):
            health, weight = change.get("health"), change.get("weight")
            left = (health and health[1] != "up") or (weight and weight[1] == 0)
            if left:
                first[name] = entry.time
    if set(first) != servers:
        return f"{', '.join(sorted(servers - set(first)))} never left the rotation"
    return (max(first.values()) - it.zero_s) * 1000


MEASURES: dict[str, Measure] = {
    "sent": Measure("requests", "all that the load generator sent", lambda it: float(it.ledger["sent"])),
    "lost": Measure(
        "requests", "lost before a server, in flight or on the way back", lambda it: it.of_class(*LOST)
    ),
    "lost_within_100ms": Measure(
        "requests",
        "lost, and due before or within 100 ms after the first fault",
        lambda it: float(it.lost_early),
    ),
    "lost_after_100ms": Measure(
        "requests",
        "lost, and due more than 100 ms after the first fault",
        lambda it: it.of_class(*LOST) - it.lost_early,
    ),
    **_per_class("lost_before_server", "lost before any server had them"),
    **_per_class("lost_in_flight", "lost while a server had them, or may have had them"),
    **_per_class("lost_on_way_back", "lost after a server had answered"),
    **_per_class("served_after_retry", "answered in time, but not by the first server that was tried"),
    **_per_class("wrong_answer", "answered with status 200 and a wrong prediction"),
    **_per_class("rejected", "refused as bad input (4xx)"),
    **_per_class("unknown", "of which the records do not tell what became"),
    "late": Measure(
        "requests",
        "answered, but later than LIMIT_MS after they were due",
        lambda it: float(late(it.ledger)),
    ),
    "shed": Measure("requests", "refused by admission (429, 503)", lambda it: it.of_class("shed")),
    "executed_twice": Measure(
        "requests",
        "completed by servers more than once",
        lambda it: float(it.ledger.get("executed_twice", 0)),
    ),
    "served_percent": Measure(
        "%",
        "of the requests sent, those answered in time and right",
        _percent(lambda it: in_time(it.ledger)),
    ),
    "lost_percent": Measure("%", "of the requests sent, those lost", _percent(lambda it: it.of_class(*LOST))),
    "shed_percent": Measure(
        "%", "of the requests sent, those refused by admission", _percent(lambda it: it.of_class("shed"))
    ),
    "late_percent": Measure(
        "%", "of the requests sent, those answered late", _percent(lambda it: late(it.ledger))
    ),
    "out_of_service_ms": Measure(
        "ms",
        "the longest time without service: from the sending of a request that was lost to that of the next "
        "one that was served; refusals neither begin nor end it",
        lambda it: it.outage_ms,
    ),
    "p99_ms": Measure(
        "ms",
        "99 % of the requests got a prediction within this",
        lambda it: "over 1 % of the requests got no prediction" if it.p99_ms is None else it.p99_ms,
    ),
    "slowest_ms": Measure(
        "ms",
        "the longest time that a request waited for its prediction",
        lambda it: "no request got a prediction" if it.slowest_ms is None else it.slowest_ms,
    ),
    "above_usual_ms": Measure(
        "ms",
        "the slowest request in progress at the first fault or due in the second after it, above the p99 of "
        "those that had ended before",
        lambda it: "no request got a prediction then" if it.above_usual_ms is None else it.above_usual_ms,
    ),
    "detected_ms": Measure(
        "ms",
        "from the first fault until the controller held a struck server for failed",
        _phase("detected", "nobody detected it", standby=False),
    ),
    "in_rotation_ms": Measure(
        "ms",
        "from the first fault to the standby in rotation",
        _phase("in rotation", "no standby was promoted"),
    ),
    "first_served_ms": Measure(
        "ms",
        "from the first fault to the first reply of the standby",
        _phase("first served", "the standby served nothing"),
    ),
    "out_of_rotation_ms": Measure(
        "ms", "from the first fault until each struck server had left the rotation", _out_of_rotation_ms
    ),
    "promotions": Measure("times", "standbys taken into rotation", _actions("promote")),
    "restarts": Measure(
        "times", "servers started or restarted by the controller", _actions("start", "restart")
    ),
}


def all_of(found: Measured) -> dict[str, float | str]:
    """Return every measure, to three decimals, or the reason why there is no value."""
    values = {name: one.of(found) for name, one in MEASURES.items()}
    return {name: value if isinstance(value, str) else round(value, 3) for name, value in values.items()}


def measured(
    folder: Path, entries: Sequence[Entry], roles: Mapping[str, str], targets: frozenset[str], zero_s: float
) -> Measured:
    """Read what measures need from an experiment's folder, in which ledger and story are made already."""
    ledger = read_json(folder / LEDGER)
    with duckdb.connect() as db:
        early, p99_ms, slowest_ms, above_usual_ms = db.execute(
            _FROM_REQUESTS,
            {"path": str(folder / ledger_sql.PARQUET), "zero": zero_s, "early": EARLY_MS / 1000},
        ).fetchall()[0]
    return Measured(
        ledger=ledger,
        story=read_json(folder / STORY),
        entries=entries,
        roles=roles,
        targets=targets,
        zero_s=zero_s,
        outage_ms=1000 * max((float(one["duration_s"]) for one in ledger.get("outages", ())), default=0.0),
        p99_ms=finite(p99_ms),
        slowest_ms=slowest_ms,
        above_usual_ms=finite(above_usual_ms),
        lost_early=early,
    )


_FROM_REQUESTS = f"""
WITH requests AS (SELECT *, failure IN ('none', 'late') AS predicted,
        if(failure IN ('none', 'late'), latency_ms, NULL) AS predicted_ms,
        scheduled_s + latency_ms / 1000 AS over_s FROM read_parquet($path))
SELECT count(*) FILTER (class LIKE 'lost%' AND scheduled_s <= $zero + $early),
    {percentile_sql("predicted_ms", 0.99)},
    max(latency_ms) FILTER (predicted),
    max(latency_ms) FILTER (predicted AND over_s >= $zero AND scheduled_s < $zero + 1)
        - {percentile_sql("predicted_ms", 0.99)} FILTER (over_s < $zero)
FROM requests
"""  # noqa: S608 - put together from this module's own words
