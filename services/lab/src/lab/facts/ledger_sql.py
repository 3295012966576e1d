"""The ledger's join in SQL.

Tables from the files of a folder, and the rule that gives each its class.

DuckDB reads the files as streams, joins by request id, and spills to a file in the folder what its
memory does not hold; so the number of requests is bounded by the disk, not by memory.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import duckdb

from hadr.contract import Event, Kind
from lab import faults
from lab.errors import LabError
from lab.facts.metrics import client_rows
from lab.load import answers
from lab.records.folder import FAULTS, HAPROXY_LOG, JOURNAL, PREDICTOR_LOG, REQUESTS, json_lines
from lab.records.requests import PROBE_PREFIX

PARQUET = "ledger.parquet"
MEMORY_LIMIT = "600MB"
THREADS = 4
FOREIGN_PREFIXES = (PROBE_PREFIX, "bad-")
"""Ids of requests that the lab sends beside the load."""

BALANCER = "haproxy"
INJECT, EFFECT = "inject", "effect"
DEATHS = frozenset({Kind.KILLED, Kind.DIED, Kind.STOPPED, Kind.REMOVED})
"""What Docker says when a container's process ends. A broken tripwire may be a cut network."""
LOST_LINES_BEFORE_S, LOST_LINES_AFTER_S = 0.5, 0.5
"""A process that dies takes log lines of its last moments with it (a predictor gathers them for 0.1
s). They are expected to be missing where the reply ended so shortly before or after the sign of its
death."""
END_SLACK_S = 0.005
"""Two parts' ends of the same request are told apart only beyond this: HAProxy's timers have 1
ms."""

_HAPROXY_COLUMNS = {
    "time_us": "BIGINT",
    "id": "VARCHAR",
    "status": "SMALLINT",
    "server": "VARCHAR",
    "backend": "VARCHAR",
    "retries": "VARCHAR",
    "time_active_ms": "INTEGER",
    "termination_state": "VARCHAR",
    "bytes_sent": "BIGINT",
}
_PREDICTOR_COLUMNS = {
    "request_id": "VARCHAR",
    "server": "VARCHAR",
    "time": "DOUBLE",
    "status": "SMALLINT",
    "duration_ms": "DOUBLE",
}

_TABLES = """
CREATE TABLE client AS SELECT *, sent_s + service_ms / 1000 AS ended_s
    FROM (SELECT * REPLACE (coalesce(server, '') AS server, coalesce(error, '') AS error) FROM client_file);
-- A log that was read twice has the same line twice. Two lines that are not the same contradict each other.
CREATE TABLE haproxy AS SELECT id, any_value(start_s) AS start_s, any_value(status) AS status,
        any_value(server) AS server, any_value(backend) AS backend, any_value(retried) AS retried,
        any_value(termination) AS termination, any_value(bytes_sent) AS bytes_sent,
        any_value(end_s) AS end_s, min(line) <> max(line) AS contradicted
    FROM (SELECT id, time_us / 1e6 AS start_s, coalesce(status, 0) AS status,
            coalesce(server, '') AS server, coalesce(backend, '') AS backend,
            coalesce(retries, '0') NOT IN ('0', '') AS retried,
            coalesce(termination_state, '') AS termination, coalesce(bytes_sent, 0) AS bytes_sent,
            time_us / 1e6 + coalesce(time_active_ms, 0) / 1000 AS end_s,
            hash(time_us, status, server, backend, retries, time_active_ms, termination_state, bytes_sent)
                AS line
        FROM haproxy_file WHERE id IS NOT NULL AND time_us IS NOT NULL)
    GROUP BY id;
-- The same request executed twice has two times.
-- The servers are kept as the first and the last by name: unlike a list, DuckDB can spill these to disk.
CREATE TABLE predictor AS SELECT request_id, count(*) FILTER (status = 200) AS completed,
        min(done_s) FILTER (status = 200) AS first_done_s, max(done_s) FILTER (status = 200) AS last_done_s,
        min(server) AS first_server, max(server) AS last_server, count(*) AS lines
    FROM (SELECT DISTINCT request_id, server, status, time, time + duration_ms / 1000 AS done_s
          FROM predictor_file WHERE request_id IS NOT NULL) GROUP BY request_id;
-- Requests without a line of HAProxy's, and whether HAProxy's own end explains that.
CREATE TABLE unlogged AS SELECT request_id, sent_s, status, EXISTS (
        SELECT 1 FROM deaths d WHERE d.server = $balancer AND c.ended_s >= d.from_s AND c.sent_s <= d.to_s
    ) AS explained
    FROM client c ANTI JOIN haproxy h ON c.request_id = h.id;
-- Right replies that are not in the log of the server that gave them, and whether its death explains that.
-- Where a third server has a line, its name is not kept: the answering one may be that.
CREATE TABLE unwritten AS SELECT c.server, EXISTS (
        SELECT 1 FROM deaths d WHERE d.server = c.server AND c.ended_s BETWEEN d.from_s AND d.to_s
    ) AS explained
    FROM client c LEFT JOIN predictor p ON c.request_id = p.request_id
    WHERE c.status = 200 AND c.error = '' AND c.server NOT IN ('', $balancer)
        AND (p.request_id IS NULL OR (c.server NOT IN (p.first_server, p.last_server) AND p.lines < 3));
-- Where answered requests have no line, the log has a gap: there, a missing line says nothing.
CREATE TABLE gap AS
    SELECT coalesce(min(sent_s) - 1, 1e300) AS from_s, coalesce(max(sent_s) + 1, -1e300) AS to_s
    FROM unlogged WHERE NOT explained AND (status > 0 OR $no_log);
"""

# One row per request. `two` is the second letter of HAProxy's termination state: in which phase it
# ended.
_JOINED = """
SELECT c.*, h.id IS NULL AS unlogged, coalesce(u.explained, false) AS explained,
    h.status AS haproxy_status, coalesce(h.server, '') AS haproxy_server,
    coalesce(h.retried, false) AS retried, coalesce(h.termination, '') AS termination,
    h.start_s AS haproxy_start_s, h.end_s AS haproxy_end_s, coalesce(h.bytes_sent, 0) AS bytes_sent,
    coalesce(h.backend, '') AS backend, coalesce(h.termination, '')[2] AS two,
    coalesce(p.completed, 0) AS completed, p.first_done_s, p.last_done_s,
    CASE WHEN p.first_server = p.last_server THEN [p.first_server]
        WHEN p.request_id IS NOT NULL THEN [p.first_server, p.last_server] END AS executed_by,
    p.request_id IS NOT NULL AS reached,
    h.id IS NULL AND NOT coalesce(u.explained, false)
        AND (c.status > 0 OR c.sent_s BETWEEN gap.from_s AND gap.to_s) AS no_record,
    c.status = 200 AND c.error = '' AS sound,
    -- The connection stood, so HAProxy had the request or was getting it.
    c.status = 0 AND regexp_matches(c.error, 'Reset|Closed|Disconnected|BrokenPipe') AS stood,
    -- Another probability or decision than the right one; or a whole reply of 200 that is no prediction.
    c.status = 200 AND (abs(c.probability - a.probability) > $tolerance OR c.placement <> a.placement
        OR (c.error <> '' AND h.termination[2] NOT IN ('D', 'H'))) IS TRUE AS wrong
FROM client c CROSS JOIN gap LEFT JOIN haproxy h ON c.request_id = h.id
    LEFT JOIN predictor p ON c.request_id = p.request_id LEFT JOIN unlogged u ON c.request_id = u.request_id
    LEFT JOIN answers a ON c.body = a.body
"""

# What it would be, were it not for a second execution; each line is reached only if no line above
# it applies.
_OUTCOME = """
CASE
    WHEN failure = 'client_gone' THEN 'client_gone'
    WHEN no_record THEN 'unknown'
    WHEN wrong THEN 'wrong_answer'
    WHEN sound AND failure = 'late' THEN 'served_late'
    WHEN sound AND retried THEN 'served_after_retry'
    WHEN sound THEN 'served'
    WHEN status = 429 THEN 'shed'
    -- A time-out in the queue; not "no server left" (SC), a failed connection, or a server's own 503. What
    -- waited again after a try was not shed but lost: the try may have been its execution.
    WHEN status = 503 AND termination = 'sQ' AND NOT retried THEN 'shed'
    WHEN status BETWEEN 400 AND 499 THEN 'rejected'
    WHEN completed > 0 AND first_done_s <= ended_s + $slack THEN 'lost_on_way_back'
    WHEN status IN (0, 200) AND haproxy_status BETWEEN 100 AND 499 AND bytes_sent > 0 THEN 'lost_on_way_back'
    WHEN two = 'D' OR two = 'L' OR status = 200 THEN 'lost_on_way_back'
    WHEN reached OR two = 'H' THEN 'lost_in_flight'
    -- HAProxy closes without a line where a server died on a connection that had been used before.
    WHEN unlogged AND NOT explained AND stood THEN 'lost_in_flight'
    -- HAProxy's state is that of the last try; what became of the tries before it nobody tells.
    WHEN retried AND (two IN ('Q', 'C') OR haproxy_server = '<NOSRV>') THEN 'lost_in_flight'
    WHEN two IN ('R', 'Q', 'C') OR haproxy_server = '<NOSRV>' OR unlogged THEN 'lost_before_server'
    WHEN status >= 500 OR haproxy_status >= 500 THEN 'lost_in_flight'
    ELSE 'unknown'
END
"""
_PHASE = """
CASE
    WHEN no_record THEN 'not recorded'
    WHEN outcome NOT LIKE 'lost%' AND outcome <> 'unknown' THEN ''
    WHEN unlogged AND reached THEN 'HAProxy ended with it'
    WHEN unlogged AND stood THEN if(explained, 'at HAProxy', 'at HAProxy or at a server')
    WHEN unlogged THEN 'on the way to HAProxy'
    WHEN two = 'R' THEN 'request'
    WHEN two IN ('Q', 'C') THEN CASE WHEN two = 'Q' THEN 'queue'
        WHEN haproxy_server = '<NOSRV>' THEN 'no server left' ELSE 'connecting' END
        || if(retried, ', after an earlier try', '')
    WHEN two = 'H' THEN 'waiting for the answer'
    WHEN two IN ('D', 'L') THEN 'answer under way'
    WHEN status = 0 THEN 'after the answer'
    ELSE 'answered with status ' || status
END
"""

_WRITE = f"""
COPY (
    SELECT request_id, outcome,
        if(outcome LIKE 'served%' AND completed > 1, 'executed_twice', outcome) AS class,
        scheduled_s, sent_s, ended_s, latency_ms, status, failure, error, body, probability, placement,
        -- Whoever answered or had it last: HAProxy itself only where no server did.
        CASE WHEN server NOT IN ('', $balancer) THEN server
            WHEN haproxy_server NOT IN ('', '<NOSRV>') THEN haproxy_server
            WHEN reached THEN executed_by[1] WHEN server <> '' THEN server ELSE '(none)' END AS server,
        haproxy_status, haproxy_server, backend, retried, termination, haproxy_start_s, haproxy_end_s,
        bytes_sent, completed, first_done_s, last_done_s, executed_by, {_PHASE} AS phase
    FROM (SELECT *, {_OUTCOME} AS outcome FROM ({_JOINED}))
) TO $path (FORMAT parquet, COMPRESSION zstd)
"""  # noqa: S608 - put together from this module's own words


def deaths(
    struck: Iterable[dict[str, Any]], journal: Iterable[dict[str, Any]]
) -> list[tuple[str, float, float]]:
    """Return whose log may lack lines, and when: (server or service, from, to), in epoch s.

    A process that ends takes its last lines with it: by a fault that ends processes, between its
    injection and its effect, or by Docker's word. A server that hangs, is cut off or answers errors
    writes its lines.
    """
    spans: list[tuple[str, float, float]] = []
    begun: dict[tuple[str, str], float] = {}
    for event in struck:
        (name, target), at = (str(event["fault"]), str(event["target"])), float(event["time"])
        if not _ends_process(name):
            continue
        if event["event"] == INJECT:
            begun[name, target] = at
        # HAProxy logs nothing until it is back; a server that is gone answers nothing.
        if event["event"] in (INJECT, EFFECT) or target == BALANCER:
            spans.append((target, begun.get((name, target), at), at))
    for entry in journal:
        if entry.get("event") == Event.SIGNAL and entry.get("kind") in DEATHS:
            at = float(entry["time"])
            spans.append((str(entry.get("server") or ""), at, at))
    return [(who, start - LOST_LINES_BEFORE_S, end + LOST_LINES_AFTER_S) for who, start, end in spans]


def _ends_process(name: str) -> bool:
    try:
        return faults.load(name).ends_process
    except LabError:
        return False  # a fault that this version does not have excuses nothing


def open_database(folder: Path, spill: Path) -> duckdb.DuckDBPyConnection:
    """Return a database of records, deaths and answers, and what the records lack."""
    db = duckdb.connect(
        str(spill / "ledger.duckdb"),
        config={"temp_directory": str(spill), "memory_limit": MEMORY_LIMIT, "threads": THREADS},
    )
    db.execute("SET enable_progress_bar = false; SET preserve_insertion_order = false")
    client_rows(db, folder / REQUESTS).create_view("client_file")
    _view(db, folder / HAPROXY_LOG, "haproxy_file", _HAPROXY_COLUMNS)
    _view(db, folder / PREDICTOR_LOG, "predictor_file", _PREDICTOR_COLUMNS)
    db.execute("CREATE TABLE deaths (server VARCHAR, from_s DOUBLE, to_s DOUBLE)")
    spans = deaths(json_lines(folder / FAULTS), json_lines(folder / JOURNAL))
    if spans:
        db.executemany("INSERT INTO deaths VALUES (?, ?, ?)", spans)
    db.execute("CREATE TABLE answers (body INTEGER, probability DOUBLE, placement BOOLEAN)")
    known = answers.load(folder)
    if known:
        columns = [known.probabilities, known.placements]
        db.execute("INSERT INTO answers SELECT unnest(range(len($1))), unnest($1), unnest($2)", columns)
    values = {"balancer": BALANCER, "no_log": not (folder / HAPROXY_LOG).is_file()}
    for statement in _TABLES.split(";\n"):
        if statement.strip():
            used = {key: value for key, value in values.items() if f"${key}" in statement}
            db.execute(statement, used or None)
    return db


def write(db: duckdb.DuckDBPyConnection, folder: Path) -> None:
    """Write ledger.parquet, and open it as the view `ledger`."""
    known = answers.load(folder)
    path = folder / PARQUET
    path.unlink(missing_ok=True)
    tolerance = known.tolerance if known else answers.TOLERANCE
    values = {"tolerance": tolerance, "slack": END_SLACK_S, "balancer": BALANCER, "path": str(path)}
    db.execute(_WRITE, values)
    db.read_parquet(str(path)).create_view("ledger")


def _view(db: duckdb.DuckDBPyConnection, path: Path, name: str, columns: dict[str, str]) -> None:
    """Open a file of JSON lines; an empty relation if it is missing or has nothing in it."""
    if not path.is_file() or path.stat().st_size == 0:
        shown = ", ".join(f"CAST(NULL AS {kind}) AS {column}" for column, kind in columns.items())
        db.execute(f"CREATE VIEW {name} AS SELECT {shown} WHERE false")
        return
    db.read_json(str(path), format="newline_delimited", ignore_errors=True, columns=columns).create_view(name)
