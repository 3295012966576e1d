"""One percentile: nearest rank, the same in Python and SQL, and no other in the lab."""

import math
import random
import re
from pathlib import Path

import duckdb
import pytest

from lab.records.percentiles import finite, percentile, percentile_sql

SOURCES = Path(__file__).parents[3] / "services/lab/src/lab"
OTHER = re.compile(
    r"quantile|approx_quantile|percentile_cont|percentile_disc|statistics\.quantiles|np\.percentile"
    r"|sorted\([^\n]*\)\[|\w+\[\s*(?:int|round|math\.ceil|math\.floor|min|max)\([^\n\]]*(?:\*|share)"
)
"""What a percentile computed elsewhere would look like."""


@pytest.mark.parametrize(
    ("values", "share", "expected"),
    [
        (range(1, 101), 0.99, 99),
        (range(1, 101), 0.5, 50),
        (range(1, 101), 1.0, 100),
        (range(1, 101), 0.0, 1),
        (range(1, 101), 0.07, 7),
        ([3, 1, 2], 0.5, 2),
        ([1, 2], 0.5, 1),
        ([5], 0.99, 5),
        ([1.0] * 99 + [None], 0.99, 1.0),
        ([1.0] * 98 + [None] * 2, 0.99, math.inf),
        ([None], 0.5, math.inf),
        ([], 0.5, None),
    ],
)
def test_a_percentile_is_the_nearest_rank_and_a_failure_is_slower_than_any_reply(
    values: list[float | None], share: float, expected: float | None
) -> None:
    assert percentile(values, share) == expected


def test_the_sql_twin_agrees_over_random_samples() -> None:
    """With failures among them, of every size up to 250, at each share that the lab uses."""
    chance = random.Random(1)  # noqa: S311 - samples for a test
    with duckdb.connect() as db:
        for count in range(251):
            values = [None if chance.random() < 0.02 else chance.random() for _ in range(count)]
            db.execute("CREATE OR REPLACE TABLE sample AS SELECT unnest($1::DOUBLE[]) AS v", [values])
            for share in (0.0, 0.07, 0.29, 0.5, 0.9, 0.95, 0.99, 0.999, 1.0):
                row = db.execute(f"SELECT {percentile_sql('v', share)} FROM sample").fetchone()  # noqa: S608
                assert row == (percentile(values, share),), (count, share)


def test_what_no_reply_reached_is_null_in_a_file() -> None:
    assert (finite(math.inf), finite(None), finite(2.5)) == (None, None, 2.5)


def test_no_other_percentile_is_computed() -> None:
    found = [
        f"{path.relative_to(SOURCES)}:{number}: {line.strip()}"
        for path in sorted(SOURCES.rglob("*.py"))
        if path.name != "percentiles.py"
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if OTHER.search(line)
    ]
    assert found == []
