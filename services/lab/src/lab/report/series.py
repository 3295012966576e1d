"""Requests per time, from the ledger, or from the client's rows where there is none.

A run is cut into bins of equal width, a nice number of seconds of which there are at most BINS. For
each bin:

    offered     requests due in it, per second
    served      sound replies within the limit that ended in it, per second
    p50, p99    latency from due to the reply's end, of the predictions of requests due in it, late
                ones too
    refused, error, late, wrong   failures that ended in it, counted; wrong answers are known from
                                  the ledger

DuckDB reads the rows: it streams a file of millions of them.
"""

import tempfile
from dataclasses import dataclass
from pathlib import Path

import duckdb

from lab.errors import RecordsError
from lab.facts.ledger_sql import PARQUET
from lab.facts.metrics import client_rows
from lab.records.classes import ERROR, LATE, NONE, REFUSED
from lab.records.percentiles import finite, percentile_sql

BINS = 300
WRONG = "wrong"
WIDTHS_S = (0.05, 0.1, 0.2, 0.25, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 300.0, 3600.0)


@dataclass(frozen=True)
class Bin:
    """One bin; it begins at_s after the moment that times count from.

    Latencies are None without a reply.
    """

    at_s: float
    offered_per_s: float
    served_per_s: float
    p50_ms: float | None
    p99_ms: float | None
    refused: int
    error: int
    late: int
    wrong: int


@dataclass(frozen=True)
class Series:
    """The bins of a run, none left out, and their width."""

    width_s: float
    bins: tuple[Bin, ...]

    @property
    def whole(self) -> tuple[Bin, ...]:
        """All but the first and the last, which the run's begin and end cut off.

        Their rates mean nothing.
        """
        return self.bins[1:-1] if len(self.bins) > 4 else self.bins  # noqa: PLR2004 - too few to leave any out


def width_s(span_s: float) -> float:
    """Return the finest of the nice widths that cuts a span into no more than BINS bins."""
    return next((width for width in WIDTHS_S if span_s / width <= BINS), WIDTHS_S[-1])


def read(path: Path, zero_s: float) -> Series:
    """Count the requests of a requests.csv, or of the ledger beside it.

    Times from zero_s (epoch s) on.
    """
    try:
        with tempfile.TemporaryDirectory() as spill, duckdb.connect(":memory:") as database:
            database.execute("SET memory_limit = '512MB'")
            database.execute("SET temp_directory = ?", [spill])
            return _read(database, path, zero_s)
    except duckdb.Error as error:
        first = str(error).split("\n", 1)[0]
        raise RecordsError(f"{path} cannot be read: {first}", remedy="take another result folder") from error


def _read(database: duckdb.DuckDBPyConnection, path: Path, zero_s: float) -> Series:
    _rows(database, path, zero_s).create_view("rows")
    first, last = database.execute("SELECT min(due), max(greatest(due, ended)) FROM rows").fetchone() or (
        None,
        None,
    )
    if first is None:
        return Series(WIDTHS_S[0], ())
    width = width_s(last - first)
    due = {
        int(number): (offered, finite(p50), finite(p99))
        for number, offered, p50, p99 in database.execute(
            f"""SELECT floor(due / $width)::BIGINT AS bin, count(*),
                {percentile_sql("replied", 0.5)}, {percentile_sql("replied", 0.99)}
            FROM (SELECT due, if(failure IN ($none, $late), latency, NULL) AS replied FROM rows)
            GROUP BY bin""",  # noqa: S608 - our own words
            {"width": width, "none": NONE, "late": LATE},
        ).fetchall()
    }
    ended: dict[int, dict[str, int]] = {}
    for number, failure, count in database.execute(
        "SELECT floor(ended / $width)::BIGINT AS bin, failure, count(*) FROM rows GROUP BY ALL",
        {"width": width},
    ).fetchall():
        ended.setdefault(int(number), {})[failure] = int(count)
    numbers = range(min(*due, *ended), max(*due, *ended) + 1)
    return Series(
        width, tuple(_bin(number, width, due.get(number), ended.get(number, {})) for number in numbers)
    )


def _rows(database: duckdb.DuckDBPyConnection, path: Path, zero_s: float) -> duckdb.DuckDBPyRelation:
    """Return when each request was due and ended, its latency and its kind of failure."""
    ledger = path.with_name(PARQUET)
    known = ledger.is_file()
    rows = database.read_parquet(str(ledger)) if known else client_rows(database, path)
    ended = "ended_s" if known else "sent_s + service_ms / 1000"
    failure = f"if(class = 'wrong_answer', '{WRONG}', failure)" if known else "failure"
    times = f"scheduled_s - ({zero_s!r}) AS due, {ended} - ({zero_s!r}) AS ended"
    return rows.project(f"{times}, latency_ms AS latency, {failure} AS failure")


def _bin(
    number: int, width: float, due: tuple[int, float | None, float | None] | None, ended: dict[str, int]
) -> Bin:
    offered, p50, p99 = due or (0, None, None)
    return Bin(
        at_s=round(number * width, 6),
        offered_per_s=offered / width,
        served_per_s=ended.get(NONE, 0) / width,
        p50_ms=p50,
        p99_ms=p99,
        refused=ended.get(REFUSED, 0),
        error=ended.get(ERROR, 0),
        late=ended.get(LATE, 0),
        wrong=ended.get(WRONG, 0),
    )
