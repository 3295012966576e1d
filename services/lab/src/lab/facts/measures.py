"""What can be expected of an experiment.

Each measure with unit and definition, from the saved records.

A measure without a value (a promotion where there is no standby) is a text: the reason.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb

from hadr.contract import OK, Event, Verb
from lab.facts import ledger_sql, usual
from lab.facts.ledger import LOST, in_classes, in_time, late
from lab.facts.usual import Point
from lab.parts.controller import STANDBY, Entry
from lab.records.folder import LEDGER, STORY, read_json
from lab.records.percentiles import percentile

EARLY_MS = 100.0
NO_STANDBY = "this topology has no standby"
NO_SERVER = "no server was struck"
NOTHING_SENT = "nothing was sent"
NOT_EXPOSED = "no server in rotation was struck"
NO_SECOND = "no whole second before the fault, or no request in the second after it"
NOT_ASKED = (NO_STANDBY, NO_SERVER, NOT_EXPOSED)
"""Reasons that say nothing against the system. With any other reason, something did not come that
should."""
COUNTS = ("requests", "%")
"""The units of what is counted: too many are too many, whatever other records are missing."""


def asked(value: float | str) -> bool:
    """Return whether a measure can be asked of the topology and the scenario at all."""
    return value not in NOT_ASKED


def number(value: float | str) -> float | None:
    """Return a measure's value.

    Infinite where it should have come and did not, None where nobody asks.
    """
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
    p99_ms: float | None
    slowest_ms: float | None
    above_usual_ms: float | None = None
    recovery_ms: float | None = None
    lost_early: int = 0
    exposure: Mapping[str, Any] = field(default_factory=dict)

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


def _of_class(*names: str) -> Callable[[Measured], float]:
    return lambda it: it.of_class(*names)


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


def _exposed(name: str) -> Callable[[Measured], float | str]:
    """Return a count of what was at stake."""

    def of(it: Measured) -> float | str:
        in_rotation = any(not stroke["exempt"] for stroke in it.exposure.get("strokes", ()))
        return float(it.exposure["total"][name]) if in_rotation else NOT_EXPOSED

    return of


def _or_never(value: float | None, never: str, nothing: str) -> float | str:
    """Return the value, or the reason why it is infinite or there is none."""
    if value is None:
        return nothing
    return never if math.isinf(value) else value


def _actions(*names: str) -> Callable[[Measured], float | str]:
    """Count the actions that HAProxy or Docker accepted since the first fault."""
    return lambda it: float(
        sum(
            entry.event == Event.ACTION
            and entry.text("action") in names
            and entry.text("result") == OK
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


COUNTED: dict[str, tuple[str, Callable[[Measured], float | str]]] = {
    "sent": ("all that the load generator sent", lambda it: float(it.ledger["sent"])),
    "lost": ("lost before a server, in flight or on the way back", _of_class(*LOST)),
    "lost_within_100ms": (
        "lost, and due before or within 100 ms after the first fault",
        lambda it: float(it.lost_early),
    ),
    "lost_after_100ms": (
        "lost, and due more than 100 ms after the first fault",
        lambda it: it.of_class(*LOST) - it.lost_early,
    ),
    "lost_before_server": ("lost before any server had them", _of_class("lost_before_server")),
    "lost_in_flight": ("lost while a server had them, or may have had them", _of_class("lost_in_flight")),
    "lost_on_way_back": ("lost after a server had answered", _of_class("lost_on_way_back")),
    "served_after_retry": (
        "answered in time, but not by the first server that was tried",
        _of_class("served_after_retry"),
    ),
    "wrong_answer": ("answered with status 200 and a wrong prediction", _of_class("wrong_answer")),
    "rejected": ("refused as bad input (4xx)", _of_class("rejected")),
    "unknown": ("of which the records do not tell what became", _of_class("unknown")),
    "exposed": (
        "in flight on a struck server that was in rotation, or sent to it until it was out of rotation",
        _exposed("exposed"),
    ),
    "saved_by_retry": ("of those exposed, served in time by another server", _exposed("saved_by_retry")),
    "late": ("answered, but later than LIMIT_MS after they were due", lambda it: float(late(it.ledger))),
    "shed": ("refused by admission (429, 503)", _of_class("shed")),
    "executed_twice": (
        "completed by servers more than once",
        lambda it: float(it.ledger.get("executed_twice", 0)),
    ),
}
"""Measures in requests."""
SHARES: dict[str, tuple[str, Callable[[Measured], float]]] = {
    "served_percent": ("answered in time and right", lambda it: in_time(it.ledger)),
    "lost_percent": ("lost", _of_class(*LOST)),
    "shed_percent": ("refused by admission", _of_class("shed")),
    "late_percent": ("answered late", lambda it: late(it.ledger)),
}
"""Measures in percent of the requests sent."""
TIMES: dict[str, tuple[str, Callable[[Measured], float | str]]] = {
    "out_of_service_ms": (
        "all outages together: under 90 % of the requests due in half a second served right and in time",
        lambda it: 1000 * float(it.ledger["out_of_service_s"]),
    ),
    "longest_outage_ms": (
        "the longest of these outages",
        lambda it: 1000 * float(it.ledger["longest_outage_s"]),
    ),
    "p99_ms": (
        "99 % of the requests got their prediction within this; one that got none is slower than any",
        lambda it: _or_never(it.p99_ms, "over 1 % of the requests got no prediction", NOTHING_SENT),
    ),
    "slowest_ms": (
        "the longest time that a request waited for its prediction",
        lambda it: "no request got a prediction" if it.slowest_ms is None else it.slowest_ms,
    ),
    "above_usual_ms": (
        (
            "the slowest request due or in progress in the second after the first fault, above what is "
            "usual: the median of the slowest of each second before it"
        ),
        lambda it: _or_never(it.above_usual_ms, "a request got no prediction then", NO_SECOND),
    ),
    "recovery_ms": (
        (
            "from the first fault until every half second to the end of the load is good: all served rightly "
            "and in time, and the p95 at most twice the largest of the half seconds before"
        ),
        lambda it: _or_never(it.recovery_ms, "the last half second of the load was not good", NOTHING_SENT),
    ),
    "detected_ms": (
        "from the first fault until the controller held a struck server for failed",
        _phase("detected", "nobody detected it", standby=False),
    ),
    "in_rotation_ms": (
        "from the first fault to the standby in rotation",
        _phase("in rotation", "no standby was promoted"),
    ),
    "first_served_ms": (
        "from the first fault to the first reply of the standby",
        _phase("first served", "the standby served nothing"),
    ),
    "out_of_rotation_ms": (
        "from the first fault until each struck server had left the rotation",
        _out_of_rotation_ms,
    ),
}
"""Measures in milliseconds."""
ACTIONS: dict[str, tuple[str, Callable[[Measured], float | str]]] = {
    "promotions": ("standbys taken into rotation", _actions(Verb.PROMOTE)),
    "restarts": ("servers started or restarted by the controller", _actions(Verb.START, Verb.RESTART)),
}
"""Measures of what the controller did."""
MEASURES = {
    **{name: Measure("requests", *row) for name, row in COUNTED.items()},
    **{
        name: Measure("%", f"of the requests sent, those {which}", _percent(of))
        for name, (which, of) in SHARES.items()
    },
    **{name: Measure("ms", *row) for name, row in TIMES.items()},
    **{name: Measure("times", *row) for name, row in ACTIONS.items()},
}


def all_of(found: Measured) -> dict[str, float | str]:
    """Return every measure, to three decimals, or the reason why there is no value."""
    values = {name: one.of(found) for name, one in MEASURES.items()}
    return {name: value if isinstance(value, str) else round(value, 3) for name, value in values.items()}


def measured(
    folder: Path,
    entries: Sequence[Entry],
    roles: Mapping[str, str],
    targets: frozenset[str],
    zero_s: float,
    *,
    exposure: Mapping[str, Any],
) -> Measured:
    """Read what measures need from an experiment's folder, which has its ledger and story."""
    ledger = read_json(folder / LEDGER)
    early, points = _requests(folder, zero_s)
    predicted = [point.latency_ms for point in points if point.latency_ms is not None]
    recovered_s = usual.recovered_s(points, zero_s, zero_s)
    return Measured(
        ledger=ledger,
        story=read_json(folder / STORY),
        entries=entries,
        roles=roles,
        targets=targets,
        zero_s=zero_s,
        p99_ms=percentile([point.latency_ms for point in points], 0.99),
        slowest_ms=max(predicted, default=None),
        above_usual_ms=usual.above_usual_ms(points, zero_s),
        recovery_ms=math.inf if recovered_s is None and points else _since_ms(recovered_s, zero_s),
        lost_early=early,
        exposure=exposure,
    )


def _since_ms(at_s: float | None, zero_s: float) -> float | None:
    return None if at_s is None else (at_s - zero_s) * 1000


def _requests(folder: Path, zero_s: float) -> tuple[int, list[Point]]:
    """Return how many early requests were lost, and each request as it was served."""
    with duckdb.connect() as db:
        rows = db.execute(
            """SELECT scheduled_s, if(failure IN ('none', 'late'), latency_ms, NULL),
                   failure = 'none' AND class <> 'wrong_answer', class LIKE 'lost%'
               FROM read_parquet($path)""",
            {"path": str(folder / ledger_sql.PARQUET)},
        ).fetchall()
    early = sum(lost and due_s <= zero_s + EARLY_MS / 1000 for due_s, _, _, lost in rows)
    return early, [Point(*row[:3]) for row in rows]
