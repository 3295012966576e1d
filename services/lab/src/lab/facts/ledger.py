"""The ledger: what became of every request that the load generator sent.

It joins the rows of the client, HAProxy's log and the predictors' logs by request id, gives each
request sent exactly one class, and says whether the records are complete enough for that to be
believed. `build` makes ledger.parquet (a row per request) and ledger.json from the other files of
an experiment's folder alone.
"""

from __future__ import annotations

import contextlib
import dataclasses
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb

from lab.errors import RecordsError
from lab.facts import completeness, ledger_sql
from lab.facts.outages import OBJECTIVE, Availability, Outage, availability
from lab.records.folder import LEDGER, REQUESTS, read_json, write_json

LISTED = 1000
"""So many lost requests, and outages, are listed; the counts count all."""

DEFINITIONS = {
    "served": "a right answer within the limit, at the first attempt",
    "served_after_retry": "a right answer within the limit, after HAProxy had to try again",
    "served_late": "a right answer, but later than the limit after the request was due",
    "wrong_answer": "a reply of status 200 that is not the right answer, or no prediction at all",
    "shed": "refused on purpose for lack of capacity: 429, or the 503 of a time-out in HAProxy's queue",
    "rejected": "refused because the request itself was at fault: 4xx except 429",
    "lost_before_server": "no answer, and no server had received it",
    "lost_in_flight": "no answer, or a status of 500 and above, after a server had received it or may have",
    "lost_on_way_back": "the answer was there and on its way, but did not reach the client whole",
    "executed_twice": "a right answer, but two servers, or one twice, had computed it",
    "client_gone": "broken off by the client itself before its time-out: nobody's loss",
    "unknown": "the records are missing or do not tell; each has its reason",
}
"""Class -> definition. Each request is in exactly one."""
SERVED = ("served", "served_after_retry", "served_late", "executed_twice")
LOST = ("lost_before_server", "lost_in_flight", "lost_on_way_back")


def in_classes(saved: Mapping[str, Any], *names: str) -> int:
    """Count the requests of a saved ledger in these classes."""
    return sum(int(saved["classes"].get(name) or 0) for name in names)


def late(saved: Mapping[str, Any]) -> int:
    """Count a saved ledger's right answers that came late, whether executed once or twice."""
    twice = saved.get("executed_twice_outcomes") or {}
    return in_classes(saved, "served_late") + int(twice.get("served_late") or 0)


def in_time(saved: Mapping[str, Any]) -> int:
    """Count a saved ledger's right answers within the limit."""
    return in_classes(saved, *SERVED) - late(saved)


@dataclass(frozen=True, slots=True)
class Lost:
    """A request that was lost, or whose class is unknown.

    `time` is when it was sent (epoch seconds).
    """

    request_id: str
    time: float
    class_: str
    server: str
    phase: str
    termination_state: str
    detail: str


@dataclass(frozen=True)
class Ledger:
    """The content of ledger.json."""

    complete: bool
    incomplete_because: tuple[str, ...]
    sent: int
    classes: dict[str, int]
    executed_twice: int
    executed_twice_outcomes: dict[str, int]
    unknown_because: dict[str, int]
    lost: tuple[Lost, ...]
    per_server: dict[str, dict[str, int]]
    outages: tuple[Outage, ...]
    out_of_service_s: float
    longest_outage_s: float
    nothing_due_s: float
    notes: tuple[str, ...]
    objective: dict[str, float] = field(default_factory=lambda: dict(OBJECTIVE))
    definitions: dict[str, str] = field(default_factory=lambda: dict(DEFINITIONS))

    def as_json(self) -> dict[str, Any]:
        """Return the content of ledger.json."""
        raw = dataclasses.asdict(self)
        for row in raw["lost"]:
            row["class"] = row.pop("class_")
        return raw


def build(folder: Path) -> Ledger:
    """Make the ledger of a folder, and write ledger.parquet and ledger.json."""
    if not (folder / REQUESTS).is_file():
        raise RecordsError(
            f"{folder / REQUESTS} is missing",
            cause="this is not the folder of an experiment or a load test",
            remedy="name a folder below results/ that holds it",
        )
    with tempfile.TemporaryDirectory(dir=folder, prefix=".ledger-") as spill:
        try:
            with contextlib.closing(ledger_sql.open_database(folder, Path(spill))) as db:
                ledger_sql.write(db, folder)
                made = _read(db, folder)
        except duckdb.Error as error:
            first = str(error).split("\n", 1)[0]
            raise RecordsError(
                f"the records of {folder} cannot be read: {first}",
                cause="a file was cut off, or is of another version of the lab",
                remedy="take another result folder",
            ) from error
    write_json(folder / LEDGER, made.as_json())
    return made


def load(folder: Path) -> Ledger:
    """Read ledger.json back."""
    raw = read_json(folder / LEDGER)
    lost = tuple(Lost(**{key.replace("class", "class_"): row[key] for key in row}) for row in raw["lost"])
    outages = tuple(Outage(**each) for each in raw["outages"])
    lists = {key: tuple(raw[key]) for key in ("incomplete_because", "notes")}
    return Ledger(**{**raw, **lists, "lost": lost, "outages": outages})


def _read(db: duckdb.DuckDBPyConnection, folder: Path) -> Ledger:
    counted = dict(_all(db, "SELECT class, count(*) FROM ledger GROUP BY class"))
    classes = {name: counted.get(name, 0) for name in DEFINITIONS}
    twice = dict(_all(db, "SELECT outcome, count(*) FROM ledger WHERE completed > 1 GROUP BY 1 ORDER BY 1"))
    per_server: dict[str, dict[str, int]] = {}
    for server, name, count in _all(
        db, "SELECT server, class, count(*) FROM ledger GROUP BY ALL ORDER BY server, class"
    ):
        per_server.setdefault(server, {})[name] = count
    unknown = dict(
        _all(db, f"SELECT {_WHY}, count(*) FROM ledger WHERE class = 'unknown' GROUP BY 1 ORDER BY 1")  # noqa: S608
    )
    found = _availability(db)
    reasons = tuple(completeness.reasons(db, folder))
    return Ledger(
        complete=not reasons,
        incomplete_because=reasons,
        sent=sum(classes.values()),
        classes=classes,
        executed_twice=sum(twice.values()),
        executed_twice_outcomes=twice,
        unknown_because=unknown,
        lost=_lost(db),
        per_server=per_server,
        outages=found.outages[:LISTED],
        out_of_service_s=found.out_of_service_s,
        longest_outage_s=found.longest_outage_s,
        nothing_due_s=found.nothing_due_s,
        notes=tuple(completeness.notes(db, folder)),
    )


_WHY = """if(haproxy_start_s IS NULL, 'HAProxy''s log has no line of it, and HAProxy ran all the time',
    'HAProxy''s log has a line of it that says nothing of a loss, and the client has no answer')"""
_DETAIL = f"""concat_ws('; ', if(class = 'unknown', {_WHY}, NULL),
    if(error = '', 'status ' || status, 'the client: ' || error),
    if(haproxy_status IS NULL, NULL, 'HAProxy: status ' || haproxy_status || ', ' || bytes_sent || ' bytes'
        || if(retried, ', retried', '')),
    if(len(executed_by) > 0,
        'in the log of ' || list_aggregate(executed_by, 'string_agg', ', '), NULL))"""


def _all(db: duckdb.DuckDBPyConnection, query: str, **parameters: Any) -> list[tuple[Any, ...]]:
    return db.execute(query, parameters or None).fetchall()


def _lost(db: duckdb.DuckDBPyConnection) -> tuple[Lost, ...]:
    rows = _all(
        db,
        f"""SELECT request_id, sent_s, class, server, phase, termination, {_DETAIL} FROM ledger
            WHERE class LIKE 'lost%' OR class = 'unknown' ORDER BY sent_s, request_id LIMIT {LISTED}""",  # noqa: S608
    )
    return tuple(Lost(*row) for row in rows)


def _availability(db: duckdb.DuckDBPyConnection) -> Availability:
    """Return the outages.

    What a client broke off by itself is no evidence; the rest is served or is not.
    """
    columns = db.execute(
        """SELECT scheduled_s, failure = 'none' AND class <> 'wrong_answer' AS served FROM ledger
           WHERE class <> 'client_gone' ORDER BY scheduled_s"""
    ).fetchnumpy()
    return availability(columns["scheduled_s"], columns["served"])
