"""What was at stake in each stroke of a fault.

A server that had no traffic proves nothing when it dies.

A request is *exposed* to a stroke if it was in flight on the struck server when the fault began, or
was sent to it until the server was out of rotation (or, if it never left, until the fault ended).
HAProxy's log names only the last server of a request, so these count:

- its last server is the struck one, or the struck one has it in its log;
- it was retried: the first try was on a struck server, because the others were healthy. Where
  several servers were struck at once, it counts for each; the total counts each request once.

Both only if HAProxy had the request between the fault's beginning and the server's way out of
rotation, and SLACK_S more, because the records are not exact to the millisecond. A server that was
parked or out of rotation already has nothing at stake, and neither has a fault of the controller,
the Docker proxy, the balancer or the clients: those strokes are exempt, with the reason.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import duckdb

from hadr.contract import OK, Event, Verb
from lab.facts import ledger_sql
from lab.facts.server_history import History, of_state
from lab.parts.controller import Entry
from lab.records.folder import FAULTS, SETTINGS_FILE, json_lines, read_json

SLACK_S = 0.05
INJECT, UNDO, ENDED = "inject", "undo", "ended"
OUT, OVER, OPEN = "out of rotation", "the fault's end", "the end of the records"
NOTHING = "nothing was at stake: no request was on a struck server or on its way to it"
FATES = ("served", "saved_by_retry", "late", "shed", "wrong_answer", "lost", "unknown", "other")
"""What became of exposed requests. In time: those served at once, and saved by a retry."""


@dataclass(frozen=True)
class AtStake:
    """How long a fault endangers a target's requests (epoch s).

    `exempt` says why it endangers none.
    """

    fault: str
    target: str
    struck_s: float
    until_s: float
    until: str
    exempt: str = ""


def of(folder: Path, entries: Sequence[Entry], roles: Mapping[str, str]) -> dict[str, Any]:
    """Return what was at stake per stroke, and the total, from a folder that has a ledger."""
    state = read_json(folder / SETTINGS_FILE).get("state_start") or {}
    history = History(roles, of_state(state)[1], entries)
    rows: list[dict[str, Any]] = []
    total: dict[str, str] = {}
    with duckdb.connect() as db:
        db.read_parquet(str(folder / ledger_sql.PARQUET)).create_view("ledger")
        last_s = db.execute(
            "SELECT coalesce(max(coalesce(haproxy_end_s, ended_s)), 0) FROM ledger"
        ).fetchall()[0][0]
        for span in _spans(json_lines(folder / FAULTS)):
            stroke = _stroke(*span, history, last_s=last_s)
            fates = {} if stroke.exempt else _fates(db, stroke)
            total |= fates
            rows.append({**asdict(stroke), **_counts(fates.values())})
    return {"strokes": rows, "total": _counts(total.values()), "slack_s": SLACK_S}


def nothing_at_stake(exposure: Mapping[str, Any]) -> str:
    """Return why the strokes prove nothing.

    Empty if they prove something, or if no server in rotation was struck.
    """
    in_rotation = any(not stroke["exempt"] for stroke in exposure["strokes"])
    return NOTHING if in_rotation and not exposure["total"]["exposed"] else ""


def _spans(faults: Iterable[Mapping[str, Any]]) -> list[tuple[str, str, float, float]]:
    """Return each stroke as (fault, target, begun, over).

    One that was never seen to end is open.
    """
    spans: list[tuple[str, str, float, float]] = []
    for line in faults:
        fault, target, at = str(line["fault"]), str(line["target"]), float(line["time"])
        if line["event"] == INJECT:
            spans.append((fault, target, at, float("inf")))
        elif line["event"] in (UNDO, ENDED):
            spans = [
                (*span[:3], at) if span[:2] == (fault, target) and span[3] == float("inf") else span
                for span in spans
            ]
    return spans


def _stroke(
    fault: str, target: str, struck_s: float, over_s: float, history: History, *, last_s: float
) -> AtStake:
    """Return a stroke with the moment from which the server had nothing more to lose."""
    if target not in history.roles:
        return AtStake(fault, target, struck_s, struck_s, OVER, "no server was struck")
    if not history.at(target, struck_s).in_service:
        return AtStake(fault, target, struck_s, struck_s, OUT, "parked, or out of rotation already")
    left = [
        max(since, struck_s)
        for since, until, known in history.spans(target)
        if until > struck_s and not known.in_service
    ]
    marked = [
        entry.time
        for entry in history.entries
        if entry.event == Event.ACTION
        and entry.text("action") in (Verb.MARK_DOWN, Verb.DEMOTE)
        and (entry.text("server"), entry.text("result")) == (target, OK)
        and entry.time >= struck_s
    ]
    ends = [(at_s, OUT) for at_s in (*left, *marked)] + [(over_s, OVER), (max(last_s, struck_s), OPEN)]
    return AtStake(fault, target, struck_s, *min(ends))


def _fates(db: duckdb.DuckDBPyConnection, stroke: AtStake) -> dict[str, str]:
    """Return what became of each request that was exposed to a stroke."""
    rows = db.execute(
        """SELECT request_id, outcome FROM ledger
           WHERE coalesce(haproxy_start_s, sent_s) <= $until AND coalesce(haproxy_end_s, ended_s) >= $struck
             AND ($server IN (haproxy_server, server) OR list_contains(executed_by, $server) OR retried)""",
        {"server": stroke.target, "struck": stroke.struck_s, "until": stroke.until_s + SLACK_S},
    ).fetchall()
    return {request_id: _fate(outcome) for request_id, outcome in rows}


def _fate(outcome: str) -> str:
    if outcome.startswith("lost"):
        return "lost"
    named = {"served_after_retry": "saved_by_retry", "served_late": "late"}.get(outcome, outcome)
    return named if named in FATES else "other"


def _counts(fates: Iterable[str]) -> dict[str, int]:
    counted = Counter(fates)
    return {"exposed": counted.total(), **{name: counted[name] for name in FATES}}
