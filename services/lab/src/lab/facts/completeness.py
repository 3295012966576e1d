"""What is missing from a folder's records although nothing that was done explains it.

Missing evidence is never good news: each gap is a reason, a sentence for a person, that makes the
ledger incomplete and the verdict of the experiment invalid.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import duckdb

from lab.facts import ledger_sql, validity
from lab.facts.outages import QUIET_S, WINDOW_S
from lab.load import answers, spec
from lab.records.classes import SEEN_AS
from lab.records.folder import (
    ANSWERS,
    COLLECTED,
    FAULTS,
    HAPROXY_LOG,
    JOURNAL,
    PREDICTOR_LOG,
    REQUESTS,
    SAMPLES,
    SCENARIO,
    SETTINGS_FILE,
    json_lines,
    read_json,
)
from lab.records.times import clock

SILENCE_S = 5.0
"""An experiment takes a sample every 0.25 s; it waits a second for a controller that does not
answer."""


def reasons(db: duckdb.DuckDBPyConnection, folder: Path) -> Iterator[str]:
    """Yield each reason why the records do not tell all. The database has the ledger's tables."""
    yield from _of_requests(db, folder)
    yield from _contradicted(db)
    ids = _count(db, "(SELECT DISTINCT request_id FROM client)")
    yield from validity.of_rows(_count(db, "client"), ids, validity.generator_of(folder)[0])
    if (folder / COLLECTED).is_file():
        yield from (str(each["missing"]) for each in read_json(folder / COLLECTED) if each["missing"])
    if (folder / SCENARIO).is_file():
        yield from _of_experiment(db, folder)


def notes(db: duckdb.DuckDBPyConnection, folder: Path) -> Iterator[str]:
    """Yield what a reader should know although it takes nothing from the ledger's completeness."""
    if answers.load(folder) is None:
        yield f"{ANSWERS} is missing: answers that are valid but wrong cannot be recognised"
    if others := _without_client(db)[1]:
        yield f"HAProxy served {others} requests that were not of the load"
    if explained := _count(db, "unlogged WHERE explained"):
        yield f"{explained} requests have no line in HAProxy's log because HAProxy itself was struck then"
    if excused := _count(db, "unwritten WHERE explained"):
        yield (
            f"{excused} answered requests are not in their server's log: it died within "
            f"{ledger_sql.LOST_LINES_AFTER_S:g} s and took its last lines with it"
        )


def _count(db: duckdb.DuckDBPyConnection, rows: str) -> int:
    (count,) = db.execute(f"SELECT count(*) FROM {rows}").fetchall()[0]  # noqa: S608 - this module's own words
    return int(count)


def _of_requests(db: duckdb.DuckDBPyConnection, folder: Path) -> Iterator[str]:
    """Yield the gaps: a part has no line of a request that it handled, or two that differ."""
    for name in (HAPROXY_LOG, PREDICTOR_LOG):
        if not (folder / name).is_file():
            yield f"{name} is missing"
    if contradicted := _count(db, "haproxy h SEMI JOIN client c ON c.request_id = h.id WHERE h.contradicted"):
        yield f"{contradicted} requests have two lines in HAProxy's log that are not the same"
    if unlogged := _count(db, "unlogged WHERE NOT explained AND status > 0"):
        yield f"{unlogged} requests that were answered have no line in HAProxy's log"
    rows = db.execute("SELECT server, count(*) FROM unwritten WHERE NOT explained GROUP BY 1 ORDER BY 1")
    for server, count in rows.fetchall():
        yield f"{count} requests that {server} answered have no line in its log, and it did not die then"
    if own := _without_client(db)[0]:
        yield f"{own} requests of the load in HAProxy's log have no row in requests.csv"


def _contradicted(db: duckdb.DuckDBPyConnection) -> Iterator[str]:
    """Yield the classes that contradict what the client saw."""
    pairs = db.execute("SELECT class, failure, count(*) FROM ledger GROUP BY ALL ORDER BY ALL").fetchall()
    for class_, failure, count in pairs:
        if failure not in SEEN_AS[class_]:
            yield (
                f"{count} requests are {class_} by HAProxy's and the predictors' logs; to the client they "
                f"were {failure}"
            )


def _without_client(db: duckdb.DuckDBPyConnection) -> tuple[int, int]:
    """Count HAProxy's lines without a row of the client's.

    Those with ids as the load's, and others.
    """
    own, others = db.execute(
        r"""SELECT count(*) FILTER (regexp_full_match(h.id, '[0-9a-f]{32}')), count(*) FROM haproxy h
           ANTI JOIN client c ON c.request_id = h.id
           WHERE NOT list_contains($prefixes, regexp_extract(h.id, '^[a-z]+-'))""",
        {"prefixes": list(ledger_sql.FOREIGN_PREFIXES)},
    ).fetchall()[0]
    return int(own), int(others) - int(own)


def _of_experiment(db: duckdb.DuckDBPyConnection, folder: Path) -> Iterator[str]:
    """Yield the records that every experiment has and this folder lacks."""
    for name in (COLLECTED, SAMPLES, FAULTS, JOURNAL):
        if not (folder / name).is_file():
            yield f"{name} is missing"
    if answers.load(folder) is None:
        yield f"{ANSWERS} is missing: wrong answers cannot be recognised"
    settings = read_json(folder / SETTINGS_FILE)
    for moment in ("start", "end"):
        if not isinstance(settings.get(f"state_{moment}"), dict):
            yield f"{SETTINGS_FILE} has no state at the {moment}"
    yield from _of_replies(db, folder)
    yield from _of_load(db, folder)
    yield from _of_samples(db, folder)
    yield from _of_faults(folder, settings)


def _of_replies(db: duckdb.DuckDBPyConnection, folder: Path) -> Iterator[str]:
    """Yield what the generator never writes: replies without a prediction, clients that left."""
    predicted = "client WHERE status = 200 AND error = ''"
    if blank := _count(db, f"{predicted} AND (probability IS NULL OR placement IS NULL)"):
        yield f"{blank} answered requests have no prediction in {REQUESTS}"
    if untold := _count(db, "client c ANTI JOIN answers a ON c.body = a.body"):
        yield f"{ANSWERS} has no right answer to {untold} of the requests"
    limit_ms = spec.read(folder).limit_ms
    late = f"latency_ms > {limit_ms} AND failure = 'none' OR latency_ms < {limit_ms} AND failure = 'late'"
    if wrong := _count(db, f"client WHERE {late}"):
        yield f"{wrong} requests are in time or late against their own latency (limit {limit_ms:g} ms)"
    if gone := _count(db, "client WHERE failure = 'client_gone'"):
        yield f"{gone} requests were broken off by their client, which the generator never does"


def _of_load(db: duckdb.DuckDBPyConnection, folder: Path) -> Iterator[str]:
    """Yield the times without a load: where nothing is sent, nothing can be lost."""
    due = [at for (at,) in db.execute("SELECT scheduled_s FROM ledger ORDER BY 1").fetchall()]
    if not due:
        yield "no request was sent"
        return
    planned = spec.read(folder)
    # So many requests in a row are not missing by the chance of Poisson arrivals.
    rate_per_s = min(planned.rate_per_s, planned.rate_max_per_s)
    for before, after in itertools.pairwise(due):
        if after - before > max(QUIET_S, 20 / rate_per_s):
            yield f"no request was due from {clock(before)} to {clock(after)}, at {rate_per_s:g} requests/s"
    struck = [float(each["time"]) for each in json_lines(folder / FAULTS)]
    if struck and due[0] > min(struck):
        yield f"the load began at {clock(due[0])}, after the first fault"
    if struck and max(struck) - due[-1] > max(WINDOW_S, 5 / rate_per_s):
        yield f"the load ended at {clock(due[-1])}, before the last fault was over at {clock(max(struck))}"


def _of_samples(db: duckdb.DuckDBPyConnection, folder: Path) -> Iterator[str]:
    """Yield the times in which nothing was sampled although requests were due."""
    first_s, last_s = db.execute("SELECT min(scheduled_s), max(scheduled_s) FROM ledger").fetchall()[0]
    if first_s is None or not (folder / SAMPLES).is_file():
        return
    taken = sorted(float(each["time"]) for each in json_lines(folder / SAMPLES))
    within = [first_s, *(at for at in taken if first_s < at < last_s), last_s]
    for before, after in itertools.pairwise(within):
        if after - before > SILENCE_S:
            yield f"{SAMPLES} has nothing from {clock(before)} to {clock(after)}"


def _of_faults(folder: Path, settings: Mapping[str, Any]) -> Iterator[str]:
    """Yield the planned faults that have no record of their injection, or of their effect."""
    done = Counter(
        (str(each["event"]), str(each["fault"]), str(each["target"])) for each in json_lines(folder / FAULTS)
    )
    strokes = (settings.get("plan") or {}).get("strokes") or ()
    planned = Counter((str(each["fault"]), str(target)) for each in strokes for target in each["targets"])
    for (fault, target), times in planned.items():
        for event, words in ((ledger_sql.INJECT, "injection"), (ledger_sql.EFFECT, "effect")):
            if (seen := done[event, fault, target]) < times:
                how = f"no {words}" if not seen else f"{seen} of {times} {words}s"
                yield f"{FAULTS} has {how} of {fault} at {target}, which was planned"
