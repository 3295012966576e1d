"""What the invariants are checked against: the records of a folder, read once."""

from __future__ import annotations

import collections
import contextlib
import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

from lab import records
from lab.facts import ledger
from lab.facts.ledger_sql import END_SLACK_S, PARQUET
from lab.facts.server_history import History, of_state
from lab.parts.controller import Entry
from lab.records import JOURNAL, SAMPLES, json_lines

FALLBACK = "fallback"


@dataclass(frozen=True)
class Executed:
    """A request that a predictor completed after the client had been told of its failure."""

    request_id: str
    class_: str
    after_ms: float


@dataclass(frozen=True)
class Evidence:
    """The records of one experiment. `entries` are in the order of the journal; `db` has the view ledger."""

    db: duckdb.DuckDBPyConnection
    entries: Sequence[Entry]
    history: History
    roles: Mapping[str, str]
    end: Mapping[str, Any] | None
    policy: Mapping[str, float] | None
    journal_gaps: tuple[str, ...]
    ledger_complete: bool
    executed_late: tuple[Executed, ...]

    def actions(self, *verbs: str) -> Iterator[Entry]:
        """Yield the actions of these kinds that were carried out."""
        for entry in self.entries:
            if entry.event == "action" and entry.text("action") in verbs and entry.text("result") == "ok":
                yield entry

    def requests_between(
        self, server: str, start: float, end: float, *, fallback: bool
    ) -> list[tuple[str, float]]:
        """Return (id, arrival) of the requests that HAProxy must have given to a server in a span.

        It gives a request to a server at its arrival, after the queue, or when it tries again: somewhere
        between the request's start and its end, so both have to lie in the span.
        """
        return self.db.execute(
            """SELECT request_id, haproxy_start_s FROM ledger WHERE haproxy_server = $server
                 AND haproxy_start_s > $start AND haproxy_end_s < $end
                 AND ($fallback OR backend <> $name)
               ORDER BY haproxy_start_s LIMIT 100""",
            {"server": server, "start": start, "end": end, "fallback": fallback, "name": FALLBACK},
        ).fetchall()


@contextlib.contextmanager
def reading(folder: Path) -> Iterator[Evidence]:
    """Read the records of a folder that has a ledger, for the length of a block."""
    with duckdb.connect() as db:
        db.read_parquet(str(folder / PARQUET)).create_view("ledger")
        yield _evidence(folder, db)


def _evidence(folder: Path, db: duckdb.DuckDBPyConnection) -> Evidence:
    entries = [Entry.from_raw(raw) for raw in json_lines(folder / JOURNAL)]
    settings = records.read_json(folder / records.SETTINGS_FILE)
    roles, known = of_state(settings.get("state_start") or {})
    started = [entry for entry in entries if entry.event == "started"]
    policy = started[-1].raw.get("policy") if started else None
    return Evidence(
        db=db,
        entries=entries,
        history=History(roles, known, entries),
        roles=roles,
        end=_end(folder, settings),
        policy=policy if isinstance(policy, dict) else None,
        journal_gaps=tuple(_gaps(folder, entries)),
        ledger_complete=ledger.load(folder).complete,
        executed_late=_executed_late(db),
    )


def _end(folder: Path, settings: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Return the state at the end: the controller's, else the last sample."""
    said = settings.get("state_end")
    if isinstance(said, dict):
        return said
    samples = collections.deque(json_lines(folder / SAMPLES), maxlen=1)
    return samples[0] if samples else None


def _gaps(folder: Path, entries: Sequence[Entry]) -> Iterator[str]:
    """Say where entries of the journal are missing; each life of the controller counts from 1."""
    if not (folder / JOURNAL).is_file():
        yield f"{JOURNAL} is missing"
    for before, after in itertools.pairwise(entries):
        # The entry that tells the policy may have been saved from long before the run.
        if after.seq not in (before.seq + 1, 1) and before.event != "started":
            yield f"the journal has no entries between {before.seq} and {after.seq}"


def _executed_late(db: duckdb.DuckDBPyConnection) -> tuple[Executed, ...]:
    rows = db.execute(
        """SELECT request_id, class, (last_done_s - ended_s) * 1000 FROM ledger
           WHERE class NOT LIKE 'served%' AND class NOT IN ('executed_twice', 'wrong_answer')
             AND last_done_s > ended_s + $slack ORDER BY sent_s LIMIT 100000""",
        {"slack": END_SLACK_S},
    ).fetchall()
    return tuple(Executed(*row) for row in rows)
