"""What became of the requests around a failure.

From the first fault until the system was steady again.
"""

from __future__ import annotations

from dataclasses import dataclass

import duckdb

from lab.facts import usual
from lab.facts.ledger import LOST, SERVED
from lab.facts.usual import Point
from lab.records.percentiles import finite


@dataclass(frozen=True)
class Around:
    """The requests in progress at some time of the span, and how long the slowest waited.

    `others` has the classes of the ledger that are none of the others. What `first_second_ms` and
    `usual_ms` are, usual.py says; None where a request got no prediction, or there was none.
    """

    seconds: float
    sent: int
    served: int
    late: int
    refused: int
    lost: int
    retried: int
    others: dict[str, int]
    slowest_ms: float | None
    slowest_id: str
    first_second_ms: float | None
    usual_ms: float | None


_TOLD = """
CREATE TEMP VIEW told AS SELECT *, failure IN ('none', 'late') AS predicted,
    scheduled_s + latency_ms / 1000 AS over_s FROM ledger
"""


def around(db: duckdb.DuckDBPyConnection, start_s: float, end_s: float | None) -> Around:
    """Count them in a ledger (the view `ledger`); without an end, until the last request's."""
    db.execute(_TOLD)
    (last_s,) = db.execute("SELECT coalesce(max(over_s), $start) FROM told", {"start": start_s}).fetchall()[0]
    span = {"start": start_s, "until": last_s if end_s is None else end_s}
    rows = db.execute(
        """SELECT class, failure = 'late', retried, count(*) FROM told
           WHERE over_s >= $start AND scheduled_s <= $until GROUP BY ALL""",
        span,
    ).fetchall()
    slowest = db.execute(
        """SELECT latency_ms, request_id FROM told
           WHERE predicted AND over_s >= $start AND scheduled_s <= $until ORDER BY latency_ms DESC LIMIT 1""",
        span,
    ).fetchone()
    points = [
        Point(*row)
        for row in db.execute(
            "SELECT scheduled_s, if(predicted, latency_ms, NULL), failure = 'none' FROM told"
        ).fetchall()
    ]
    others: dict[str, int] = {}
    for name, _, _, count in rows:
        if name not in (*SERVED, *LOST, "shed"):
            others[name] = others.get(name, 0) + count
    right = [(late, count) for name, late, _, count in rows if name in SERVED]
    return Around(
        seconds=span["until"] - start_s,
        sent=sum(row[-1] for row in rows),
        served=sum(count for late, count in right if not late),
        late=sum(count for late, count in right if late),
        refused=sum(row[-1] for row in rows if row[0] == "shed"),
        lost=sum(row[-1] for row in rows if row[0] in LOST),
        retried=sum(row[-1] for row in rows if row[2]),
        others=others,
        slowest_ms=slowest[0] if slowest else None,
        slowest_id=slowest[1] if slowest else "",
        first_second_ms=finite(usual.first_second_ms(points, start_s)),
        usual_ms=finite(usual.slowest_second_ms(points, start_s)),
    )
