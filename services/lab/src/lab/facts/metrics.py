"""Rows of requests.csv in, numbers out: the definitions of a load test's figures.

A request *fails* at the moment its refusal or error arrives, or when the limit has passed since it
was due, whichever comes first. The *first failure* is the one that fails earliest.

A request that fails though the system was fast enough, because the generator sent it late, is the
*generator's*: one that was sent over STALL_MS late and failed, or that came late by its latency and
in time by its service time. It is counted apart (generator_late_requests) and is no first failure.

first_failure.rate_per_s        what the schedule asked for when the request that failed first was
                                due. To count arrivals would add their noise: at 150/s (Poisson) a
                                second holds 126 to 174. Closed users have no schedule: there it is
                                the count
first_failure.counted_per_s     requests due in the 1 s (WINDOW_S) before the first failure
rate_reached_per_s              the highest rate that the schedule (of closed users: the count) had
                                reached when the last request was due
rate_max_without_failure_per_s  the most requests due in one whole second of the run (0 to 1 s, 1 to
                                2 s, ...) of which none failed; it may lie after the first failure:
                                a standby has come
rate_served_max_per_s           the most requests served in one whole second: sound replies within
                                the limit, by when they ended (goodput)
latency.p*_ms                   from due to the reply's end; a request without a prediction is
                                slower than any reply, so null where so large a share of them got
                                none
latency.max_ms                  the slowest reply that was a prediction, late ones too
taken_requests (of a server)    requests sent before the first failure that this server answered
in_progress_requests            those of them without a reply yet at the first failure: they lay at
                                it, or waited for it in HAProxy's queue

DuckDB reads the rows: it streams a file of 10 million of them and spills what does not fit into
memory.
"""

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

from lab.errors import RecordsError
from lab.load import pacing
from lab.load.spec import LoadSpec
from lab.records.classes import KINDS
from lab.records.folder import REQUESTS
from lab.records.percentiles import finite, percentile_sql

WINDOW_S = 1.0
LAG_LIMIT_MS = 50.0
STALL_MS = 20.0
"""Close to a failure the generator may be this late: one service time of a server."""
NO_REPLY = "(no reply)"
GENERATORS = "generator"

_TYPES = {
    "request_id": "VARCHAR",
    "scheduled_s": "DOUBLE",
    "sent_s": "DOUBLE",
    "latency_ms": "DOUBLE",
    "service_ms": "DOUBLE",
    "status": "SMALLINT",
    "server": "VARCHAR",
    "error": "VARCHAR",
    "body": "INTEGER",
    "probability": "DOUBLE",
    "placement": "BOOLEAN",
    "failure": "VARCHAR",
}


@dataclass(frozen=True)
class FirstFailure:
    """The request that failed earliest."""

    at_s: float
    failure: str
    request_id: str
    rate_per_s: float
    counted_per_s: float


@dataclass(frozen=True)
class Server:
    """What one server did.

    The last two count up to the first failure, or to the end if nothing failed.
    """

    server: str
    answered_requests: int
    taken_requests: int
    in_progress_requests: int


@dataclass(frozen=True)
class Second:
    """One second of the run, counted by when requests were due."""

    second: int
    offered_requests: int
    served_requests: int
    refused_requests: int
    error_requests: int
    late_requests: int

    @property
    def failed_requests(self) -> int:
        """Failures of all kinds."""
        return self.refused_requests + self.error_requests + self.late_requests


@dataclass(frozen=True)
class Latency:
    """Latencies from due to the reply's end, in ms.

    None where no prediction was as fast as that.
    """

    p50_ms: float | None
    p95_ms: float | None
    p99_ms: float | None
    max_ms: float | None


@dataclass(frozen=True)
class Lag:
    """How late requests were sent: the generator's own fault, not the system's."""

    late_percent: float  # share of requests sent more than LAG_LIMIT_MS after they were due
    max_ms: float
    before_failure_ms: float | None  # the latest of the second before the first failure; None without one
    failed_requests: int  # the generator's, due before the first failure (without one: in the whole run)


@dataclass(frozen=True)
class Rows:
    """How many rows there are, of how many requests, and over what time they were due."""

    rows: int
    requests: int
    span_s: float


def client_rows(db: duckdb.DuckDBPyConnection, path: Path) -> duckdb.DuckDBPyRelation:
    """Open a requests.csv in a database, without a last row that was cut off by a kill.

    Such a row has no failure, or a part of its name.
    """
    try:
        rows = db.read_csv(
            str(path), header=True, columns=_TYPES, null_padding=True, strict_mode=False, ignore_errors=True
        )
    except duckdb.Error as error:
        raise RecordsError(
            f"{path} cannot be read: {str(error).split(chr(10), 1)[0]}",
            cause="it is not whole, or of another version of the lab",
            remedy="take another result folder",
        ) from error
    return rows.filter(f"failure IN ({', '.join(map(repr, KINDS))})")


class Records:
    """The rows of one run, ready to be asked; times are offsets from `started_s`."""

    def __init__(self, folder: Path, spec: LoadSpec, *, started_s: float) -> None:
        path = folder / REQUESTS
        if not path.is_file():
            raise RecordsError(
                f"{path} is missing",
                cause="this is not a result folder of `make loadtest`",
                remedy="name a folder below results/ that holds it",
            )
        self._segments = pacing.pattern(spec)
        self._db = duckdb.connect(config={"temp_directory": tempfile.gettempdir()})
        self._db.execute("SET enable_progress_bar = false")
        client_rows(self._db, path).create_view("rows")
        self._db.execute(
            """CREATE TABLE requests AS SELECT scheduled_s - $start AS due_s, sent_s - $start AS sent_s,
                   sent_s - $start + service_ms / 1000 AS ended_s, latency_ms, failure,
                   coalesce(server, '') AS server, request_id,
                   scheduled_s - $start + least(latency_ms, $limit) / 1000 AS failed_s,
                   failure NOT IN ('none', 'client_gone') AND (1000 * (sent_s - scheduled_s) > $stall
                       OR (failure = 'late' AND service_ms <= $limit)) AS is_generators FROM rows""",
            {"start": started_s, "limit": spec.limit_ms, "stall": STALL_MS},
        )

    def _all(self, query: str, **parameters: Any) -> list[tuple[Any, ...]]:
        return self._db.execute(query, parameters or None).fetchall()

    def _one(self, query: str, **parameters: Any) -> tuple[Any, ...]:
        return self._all(query, **parameters)[0]

    def rows(self) -> Rows:
        """Count the rows and the requests; they differ where an id is there twice."""
        return Rows(
            *self._one(
                """SELECT count(*), count(DISTINCT request_id), coalesce(max(due_s) - min(due_s), 0)
                   FROM requests"""
            )
        )

    def failures(self) -> dict[str, int]:
        """Count the requests by kind of failure.

        `none` are the served ones, `generator` the generator's.
        """
        return dict(
            self._all(
                """SELECT if(is_generators, $generators, failure) AS kind, count(*)
                   FROM requests GROUP BY kind ORDER BY kind""",
                generators=GENERATORS,
            )
        )

    def rate_reached_per_s(self) -> float:
        """Return the highest rate up to the time when the last request was due."""
        (last_s,) = self._one("SELECT max(due_s) FROM requests")
        if not self._segments or last_s is None:
            return float(max((second.offered_requests for second in self.seconds()), default=0))
        corners = [at for segment in self._segments for at in (segment.start_s, segment.end_s) if at < last_s]
        return max(self._planned_per_s(at) for at in (*corners, last_s))

    def _planned_per_s(self, at_s: float) -> float:
        """Return the rate of the schedule; where it jumps, that before the jump."""
        for segment in self._segments:
            if at_s <= segment.end_s:
                return segment.start_rate_per_s + segment.slope * (max(at_s, 0.0) - segment.start_s)
        return self._segments[-1].end_rate_per_s

    def first_failure(self) -> FirstFailure | None:
        """Return the first failure that is the system's, and the rate at it."""
        found = self._all(
            """SELECT request_id, failure, failed_s, due_s FROM requests
               WHERE failure NOT IN ('none', 'client_gone') AND NOT is_generators
               ORDER BY failed_s, request_id LIMIT 1"""
        )
        if not found:
            return None
        request_id, failure, at_s, due_s = found[0]
        # Load that had ended before the failure showed must not dilute the rate.
        until_s = min(at_s, self._one("SELECT max(due_s) FROM requests")[0])
        since_s = max(until_s - WINDOW_S, 0.0)
        (count,) = self._one(
            "SELECT count(*) FROM requests WHERE due_s > $since AND due_s <= $until",
            since=since_s,
            until=until_s,
        )
        width_s = until_s - since_s if 0 < until_s < WINDOW_S else WINDOW_S
        counted_per_s = count / width_s
        rate_per_s = self._planned_per_s(due_s) if self._segments else counted_per_s
        return FirstFailure(at_s, failure, request_id, rate_per_s, counted_per_s)

    def servers(self, first_failure: FirstFailure | None) -> tuple[Server, ...]:
        """Count the requests per server, up to the first failure too."""
        at_s = first_failure.at_s if first_failure else float("inf")
        rows = self._all(
            """SELECT if(server = '', $none, server) AS name, count(*),
                   count(*) FILTER (WHERE sent_s <= $at),
                   count(*) FILTER (WHERE sent_s <= $at AND ended_s > $at)
               FROM requests GROUP BY name ORDER BY name""",
            at=at_s,
            none=NO_REPLY,
        )
        return tuple(Server(*row) for row in rows)

    def seconds(self) -> tuple[Second, ...]:
        """Count each second of the run."""
        rows = self._all(
            """SELECT CAST(floor(due_s) AS INTEGER) AS second, count(*),
                   count(*) FILTER (WHERE failure = 'none'), count(*) FILTER (WHERE failure = 'refused'),
                   count(*) FILTER (WHERE failure = 'error'), count(*) FILTER (WHERE failure = 'late')
               FROM requests GROUP BY second ORDER BY second"""
        )
        return tuple(Second(*row) for row in rows)

    def served_max_per_s(self) -> float:
        """Return the goodput of the best second."""
        (most,) = self._one(
            """SELECT max(served) FROM (SELECT count(*) AS served FROM requests WHERE failure = 'none'
               GROUP BY floor(ended_s))"""
        )
        return float(most or 0)

    def latency(self) -> Latency:
        """Return the percentiles of all requests, and the slowest prediction."""
        shares = ", ".join(percentile_sql("predicted_ms", share) for share in (0.5, 0.95, 0.99))
        values = self._one(
            f"""SELECT {shares}, max(predicted_ms) FROM (
                    SELECT if(failure IN ('none', 'late'), latency_ms, NULL) AS predicted_ms FROM requests)"""  # noqa: S608
        )
        return Latency(*map(finite, values))

    def lag(self, first_failure: FirstFailure | None) -> Lag:
        """Return how well the generator kept its schedule, near the first failure too."""
        at_s = first_failure.at_s if first_failure else float("inf")
        late_percent, max_ms = self._one(
            """SELECT 100 * coalesce(avg(CAST((sent_s - due_s) * 1000 > $limit AS INTEGER)), 0),
                   1000 * coalesce(max(sent_s - due_s), 0) FROM requests""",
            limit=LAG_LIMIT_MS,
        )
        (failed,) = self._one("SELECT count(*) FROM requests WHERE is_generators AND due_s <= $at", at=at_s)
        if first_failure is None:
            return Lag(late_percent, max_ms, None, failed)
        # A late request fails long after it was due: what came before it counts as much.
        (near_ms,) = self._one(
            """SELECT 1000 * max(sent_s - due_s) FROM requests WHERE due_s <= $at AND due_s >=
                   (SELECT min(due_s) FROM requests WHERE request_id = $id) - $window""",
            at=at_s,
            id=first_failure.request_id,
            window=WINDOW_S,
        )
        return Lag(late_percent, max_ms, near_ms, failed)


def rate_max_without_failure_per_s(seconds: tuple[Second, ...]) -> float:
    """Return the highest rate of a whole second without a failure."""
    return float(
        max((second.offered_requests for second in seconds if not second.failed_requests), default=0)
    )
