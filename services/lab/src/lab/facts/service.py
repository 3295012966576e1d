"""How the servers serve, as they stated it, and whether this machine let them.

An emulated accelerator takes a stated time for each service; a machine that is too busy makes it
take longer. A service that took over 10 % longer than stated is slow; a run in which more than
SLOW_PERCENT_MAX were says more about the machine than about the topology.

An experiment's services are the lines of predictor.jsonl, without those of a server while it was
struck: a fault may slow it down. A load test has no such lines: there the servers' own counts
before and after are compared (settings.json); a server that counts from 0 again was restarted.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

from lab.facts.milestones import fault_spans
from lab.records.folder import FAULTS, PREDICTOR_LOG, SETTINGS_FILE, json_lines, read_json

EMULATED = "emulated"
OK = 200
SLOW_PERCENT_MAX = 1.0
AFTER_FAULT_S = 1.0
"""What a fault held up may end this much later."""
KINDS = {"bare": "the bare model", "cpu": "the model, repeated to cost CPU time"}

Stated = Mapping[str, Mapping[str, Any]]
"""By server: the service model of its /info."""


@dataclass(frozen=True)
class Services:
    """How many services there were, and how many took over 10 % longer than stated."""

    services: int
    slow: int

    @property
    def slow_percent(self) -> float:
        """The share of slow ones; 0 of none."""
        return 100 * self.slow / self.services if self.services else 0.0


def described(stated: Stated) -> str:
    """Return in words how the servers serve."""
    by_words: dict[str, list[str]] = {}
    for server, service in stated.items():
        by_words.setdefault(_described(service), []).append(server)
    if not by_words:
        return "not recorded"
    if len(by_words) == 1:
        return next(iter(by_words)) + " per server" * (len(stated) > 1)
    return "; ".join(f"{', '.join(servers)}: {words}" for words, servers in by_words.items())


def _described(service: Mapping[str, Any]) -> str:
    capacity = service.get("capacity_per_s")
    if service.get("kind") != EMULATED or capacity is None:
        kind = KINDS.get(str(service.get("kind")), "not stated")
        return f"{kind}, its capacity is the machine's"
    slots = service["slots"]
    varied = f", cv {service['cv']:g}" if service.get("cv") else ""
    time = f"{service['service_ms']:g} ms{varied}"
    unit = "slot" if slots == 1 else "slots"
    return f"emulated accelerator: {slots} {unit} x {time} = {capacity:g} requests/s"


def variables(stated: Stated) -> list[str]:
    """Return what has to be given to make up to get such servers; empty where they differ."""
    chosen = [
        tuple(service.get(key) for key in ("kind", "service_ms", "slots", "row_ms", "cv", "cost_factor"))
        for service in stated.values()
    ]
    if len(set(chosen)) != 1:
        return []
    kind, service_ms, slots, row_ms, cv, cost_factor = chosen[0]
    if kind == EMULATED:
        given = {"SERVICE_MS": service_ms, "SLOTS": slots, "SERVICE_ROW_MS": row_ms, "SERVICE_CV": cv}
    else:
        given = {"SERVICE_MS": 0, "COST_FACTOR": cost_factor}
    return [f"{name}={value:g}" for name, value in given.items() if value is not None]


def counted(before: Stated, after: Stated) -> Services:
    """Return what the servers counted between two moments.

    Who counts less than before began anew.
    """
    services = slow = 0
    for server, end in after.items():
        start = before.get(server, {})
        again = end.get("services", 0) < start.get("services", 0)
        services += end.get("services", 0) - (0 if again else start.get("services", 0))
        slow += end.get("services_slow", 0) - (0 if again else start.get("services_slow", 0))
    return Services(services, slow)


def logged(path: Path, struck: Iterable[tuple[str, float, float]]) -> Services:
    """Return what predictor.jsonl shows.

    `struck` are spans that do not count: (server, from, to).
    """
    if not path.is_file() or path.stat().st_size == 0:
        return Services(0, 0)
    columns = {"server": "VARCHAR", "time": "DOUBLE", "planned_ms": "DOUBLE", "slow": "BOOLEAN"}
    with duckdb.connect() as db:
        db.execute("CREATE TABLE struck (server VARCHAR, from_s DOUBLE, to_s DOUBLE)")
        if spans := list(struck):
            db.executemany("INSERT INTO struck VALUES (?, ?, ?)", spans)
        db.read_json(str(path), format="newline_delimited", ignore_errors=True, columns=columns).create_view(
            "lines"
        )
        row = db.execute(
            "SELECT count(*), count(*) FILTER (slow) FROM lines l WHERE planned_ms > 0 AND NOT EXISTS "
            "(FROM struck s WHERE s.server = l.server AND l.time BETWEEN s.from_s AND s.to_s)"
        ).fetchone()
    services, slow = row or (0, 0)
    return Services(int(services), int(slow))


def spans(events: Iterable[Mapping[str, Any]]) -> list[tuple[str, float, float]]:
    """Return when which server was struck, from faults.jsonl; a fault without an end lasts."""
    return [
        (span.target, span.time_s, math.inf if span.ended_s is None else span.ended_s + AFTER_FAULT_S)
        for span in fault_spans(events)
    ]


def invalid_because(folder: Path) -> tuple[str, ...]:
    """List why the servers' stated times say nothing in this result folder.

    Empty where they hold.
    """
    saved = read_json(folder / SETTINGS_FILE)
    before, after = saved.get("service") or {}, saved.get("service_end")
    emulated = {name: one for name, one in before.items() if one.get("kind") == EMULATED}
    if not emulated:
        return ()
    if (folder / PREDICTOR_LOG).is_file():
        if untold := _untold(folder / PREDICTOR_LOG, emulated):
            return (f"{PREDICTOR_LOG} does not tell how long {untold} services took",)
        return too_slow(logged(folder / PREDICTOR_LOG, spans(json_lines(folder / FAULTS))), emulated)
    if not isinstance(after, dict):
        return (f"how long the services took is not known: {after or 'the run has no end'}",)
    if silent := sorted(emulated.keys() - after.keys()):
        return (f"how long the services of {', '.join(silent)} took is not known: no count at the end",)
    return too_slow(counted(emulated, after), emulated)


def _untold(path: Path, emulated: Stated) -> int:
    """Count the predictions of emulated servers whose line does not state the service's time.

    A time that varies (cv) may be drawn as short as nothing.
    """
    constant = {server for server, service in emulated.items() if not service.get("cv")}
    return sum(
        line.get("server") in constant and line.get("status") == OK and not line.get("planned_ms")
        for line in json_lines(path)
    )


def too_slow(made: Services, stated: Stated) -> tuple[str, ...]:
    """Return the sentence that the machine was too slow; empty if it was not."""
    if made.slow_percent <= SLOW_PERCENT_MAX:
        return ()
    times = " or ".join(f"{ms:g}" for ms in sorted({one["service_ms"] for one in stated.values()}))
    reason = (
        f"this machine is too slow for {len(stated)} such servers: {made.slow} of {made.services} services "
        f"took over 10 % longer than the stated {times} ms (at most {SLOW_PERCENT_MAX:g} % may)"
    )
    return (reason,)
