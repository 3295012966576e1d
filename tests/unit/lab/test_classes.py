"""One classification: what a client sees and the ledger's class agree."""

from pathlib import Path

import duckdb
import pytest

from lab.facts import ledger, ledger_sql
from lab.records import classes
from lab.records.folder import LEDGER, read_json
from unit.lab.planted_records import Planted
from unit.lab.test_ledger import CASES

SEEN = [
    ("a prediction", 200, "", True, 20, "none"),
    ("just in time", 200, "", True, 1000, "none"),
    ("too late", 200, "", True, 1001, "late"),
    ("a reply of 200 that is no prediction", 200, "", False, 10, "error"),
    ("the queue or a server was full", 429, "", False, 10, "refused"),
    ("its time in HAProxy's queue was up", 503, "haproxy", False, 800, "refused"),
    ("no server was left", 503, "", False, 2, "error"),
    ("the server died with it", 502, "", False, 10, "error"),
    ("no answer in time", 504, "", False, 700, "error"),
    ("the server's own error", 500, "", False, 10, "error"),
    ("a bad request", 422, "", False, 10, "error"),
    ("no reply until the time-out", 0, "", False, 5000, "error"),
]


@pytest.mark.parametrize("case", SEEN, ids=[row[0] for row in SEEN])
def test_a_client_sees_one_kind_of_failure_or_none(case: tuple[str, int, str, bool, float, str]) -> None:
    _, status, refused_by, sound, latency_ms, expected = case
    found = classes.classify(status, refused_by=refused_by, sound=sound, latency_ms=latency_ms, limit_ms=1000)
    assert found == expected


def test_a_client_that_leaves_by_itself_is_nobodys_failure() -> None:
    """Its time-out is another matter: the system had its time."""
    found = classes.classify(0, refused_by="", sound=False, latency_ms=5, limit_ms=1000, gone=True)
    assert found == classes.CLIENT_GONE
    assert found not in classes.FAILURES


@pytest.mark.parametrize("sentence", CASES)
def test_client_and_ledger_agree(sentence: str, tmp_path: Path) -> None:
    """Each case of the ledger, through both."""
    name, fields = CASES[sentence]
    planted = Planted(tmp_path)
    for number in range(3):
        planted.request(number)
    asked = planted.request(3, **fields)
    ledger.build(planted.save())
    (class_, failure) = (
        duckdb.read_parquet(str(tmp_path / ledger_sql.PARQUET))
        .filter(f"request_id = '{asked}'")
        .project("class, failure")
        .fetchall()[0]
    )
    assert class_ == name
    assert failure in classes.SEEN_AS[class_]


def test_every_class_of_the_ledger_has_what_a_client_sees_of_it() -> None:
    assert set(classes.SEEN_AS) == set(ledger.DEFINITIONS)
    assert set(classes.DEFINITIONS) == set(classes.KINDS)


def test_a_class_that_contradicts_the_client_makes_the_ledger_incomplete(tmp_path: Path) -> None:
    """HAProxy says that its time in the queue was up.

    The client saw no X-Refused-By: another HAProxy.
    """
    planted = Planted(tmp_path)
    planted.request(0)
    planted.request(1, status=503, server="haproxy", haproxy_server="<NOSRV>", termination="SC")
    planted.haproxy[-1] = planted.haproxy[-1].replace('"SC"', '"sQ"')
    made = ledger.build(planted.save())
    assert made.incomplete_because == (
        "1 requests are shed by HAProxy's and the predictors' logs; to the client they were error",
    )
    assert read_json(tmp_path / LEDGER)["complete"] is False


def test_the_documentation_has_each_kind_of_failure() -> None:
    text = (Path(__file__).parents[3] / "docs/results.md").read_text(encoding="utf-8")
    for kind, words in classes.DEFINITIONS.items():
        assert f"| `{kind}` | {words} |" in text
