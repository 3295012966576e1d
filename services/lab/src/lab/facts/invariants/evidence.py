"""What the invariants are checked against: the records of a folder, read once."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

from hadr.contract import OK, Event
from lab.facts import ledger
from lab.facts.ledger_sql import END_SLACK_S, PARQUET
from lab.facts.server_history import History, Known, of_state
from lab.parts.controller import Entry
from lab.records.folder import JOURNAL, SETTINGS_FILE, json_lines, read_json

FALLBACK = "fallback"


@dataclass(frozen=True)
class Executed:
    """A request that a predictor completed after the client had been told of its failure."""

    request_id: str
    class_: str
    after_ms: float


@dataclass(frozen=True)
class Evidence:
    """The records of one experiment.

    `entries` are in the order of the journal; `db` has the view ledger.

    `gaps` are what is missing of the journal and of the state at the start; `failed`: requests not
    answered.
    """

    db: duckdb.DuckDBPyConnection
    entries: Sequence[Entry]
    history: History
    roles: Mapping[str, str]
    end: Mapping[str, Any] | None
    policy: Mapping[str, float] | None
    gaps: tuple[str, ...]
    ledger_complete: bool
    executed_late: tuple[Executed, ...]
    failed: int

    def actions(self, *verbs: str) -> Iterator[Entry]:
        """Yield the actions of these kinds that were carried out."""
        for entry in self.entries:
            if entry.event == Event.ACTION and entry.text("action") in verbs and entry.text("result") == OK:
                yield entry

    def requests_between(
        self, server: str, start: float, end: float, *, fallback: bool
    ) -> list[tuple[str, float]]:
        """Return (id, arrival) of the requests that HAProxy must have given to a server in a span.

        It gives a request to a server at its arrival, after the queue, or when it tries again:
        somewhere between the request's start and its end, so both have to lie in the span.
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
    settings = read_json(folder / SETTINGS_FILE)
    roles, known = of_state(settings.get("state_start") or {})
    started = [entry for entry in entries if entry.event == Event.STARTED]
    policy = started[-1].raw.get("policy") if started else None
    history = History(roles, known, entries)
    end = said if isinstance(said := settings.get("state_end"), dict) else None
    return Evidence(
        db=db,
        entries=entries,
        history=history,
        roles=roles,
        end=end,
        policy=policy if isinstance(policy, dict) else None,
        gaps=(*_gaps(folder, entries, settings), *(_end_missing(history, end) if end and entries else ())),
        ledger_complete=ledger.load(folder).complete,
        executed_late=_executed_late(db),
        failed=_count_failed(db),
    )


def _gaps(folder: Path, entries: Sequence[Entry], settings: Mapping[str, Any]) -> Iterator[str]:
    """Yield what of the journal is missing; each life of the controller counts its entries from 1.

    A controller's first entry is `started`. If its log still has that, nothing of it has been
    dropped since.
    """
    if not (folder / JOURNAL).is_file():
        yield f"{JOURNAL} is missing"
    elif not entries or entries[0].event != Event.STARTED:
        yield (
            "the journal does not reach back to the controller's start: its log was rotated, and entries "
            "of this run may be missing"
        )
    begun_s = float(settings.get("started_s") or 0)
    for number, (before, after) in enumerate(itertools.pairwise(entries)):
        # The entry that tells the policy is saved from long before the run, and those between are
        # not.
        early = number == 0 and before.event == Event.STARTED and (not begun_s or before.time < begun_s)
        if after.seq not in (before.seq + 1, 1) and not early:
            yield f"the journal has no entries between {before.seq} and {after.seq}"
    if not isinstance(settings.get("state_start"), dict):
        yield f"{SETTINGS_FILE} has no state at the start"


def _end_missing(history: History, end: Mapping[str, Any]) -> Iterator[str]:
    """Yield the servers that the end state has at their first weight, and the journal elsewhere.

    The controller takes both from the same observation: the journal's last entries are missing.
    """
    for name, known in of_state(end)[1].items():
        last = history.at(name, float(end["time"])).weight
        if known.weight != last and known.weight == history.start.get(name, Known()).weight:
            yield (
                f"the journal's end is missing: it leaves {name} with weight {last}, and at the end it was "
                f"{known.weight}"
            )


_FAILED = """class NOT LIKE 'served%'
    AND class NOT IN ('executed_twice', 'wrong_answer', 'client_gone', 'unknown')"""


def _count_failed(db: duckdb.DuckDBPyConnection) -> int:
    (count,) = db.execute(f"SELECT count(*) FROM ledger WHERE {_FAILED}").fetchall()[0]  # noqa: S608
    return int(count)


def _executed_late(db: duckdb.DuckDBPyConnection) -> tuple[Executed, ...]:
    rows = db.execute(
        f"""SELECT request_id, class, (last_done_s - ended_s) * 1000 FROM ledger
           WHERE {_FAILED} AND last_done_s > ended_s + $slack ORDER BY sent_s LIMIT 100000""",  # noqa: S608
        {"slack": END_SLACK_S},
    ).fetchall()
    return tuple(Executed(*row) for row in rows)
