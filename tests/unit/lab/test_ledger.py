"""The ledger against planted truth.

Each request in the right class, and gaps in the records seen as such.
"""

import argparse
import contextlib
import dataclasses
import json
import os
import re
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest

from lab.bench.measurements import ledger_join
from lab.commands import ledger as command
from lab.errors import RecordsError
from lab.experiment import collect
from lab.facts import invariants, ledger, ledger_sql, milestones, story, summary
from lab.load import answers
from lab.load.answers import Answers
from lab.parts.docker import Engine, _lines
from lab.records.folder import (
    COLLECTED,
    HAPROXY_LOG,
    HAPROXY_MESSAGES,
    JOURNAL,
    LEDGER,
    PREDICTOR_LOG,
    REQUESTS,
    STORY,
    read_json,
)
from lab.settings import Settings
from unit.lab.journal_entries import signalled
from unit.lab.loopback_docker import docker
from unit.lab.planted_records import T0, Planted, told
from unit.lab.scripted_server import Reply, serving
from unit.lab.test_loadtest import load, predictions

ROOT = Path(__file__).parents[3]
NO_REPLY = "ConnectionResetError: [Errno 104]"
REFUSED = "ConnectionRefusedError: [Errno 111]"

# What a request may look like in the records, and its class: each row a sentence.
CASES: dict[str, tuple[str, dict[str, Any]]] = {
    "answered at once": ("served", {}),
    "HAProxy tried again, on another server": ("served_after_retry", {"retries": "+1"}),
    "HAProxy tried again, on the same server": ("served_after_retry", {"retries": "1"}),
    "answered after the limit": ("served_late", {"latency_ms": 1200.0}),
    "answered after a retry and after the limit": ("served_late", {"latency_ms": 1200.0, "retries": "+1"}),
    "another probability than the right one": ("wrong_answer", {"probability": 0.75}),
    "a reply of 200 that is no prediction": ("wrong_answer", {"error": "body has no Placement"}),
    "wrong and late": ("wrong_answer", {"probability": 0.75, "latency_ms": 1200.0}),
    "the queue was full": (
        "shed",
        {"status": 429, "server": "haproxy", "haproxy_server": "<NOSRV>", "termination": "PR"},
    ),
    "the server was full": ("shed", {"status": 429, "executed": [("predictor-1", 429, 2)]}),
    "the server answered 503": ("lost_in_flight", {"status": 503, "executed": [("predictor-1", 503, 2)]}),
    "its time in the queue was up": (
        "shed",
        {"status": 503, "server": "haproxy", "haproxy_server": "<NOSRV>", "termination": "sQ"},
    ),
    "its time in the queue was up after predictor-1 had computed it": (
        "lost_on_way_back",
        {"status": 503, "server": "haproxy", "retries": "+1", "termination": "sQ"}
        | {"executed": [("predictor-1", 200, 10)]},
    ),
    "its time in the queue was up after predictor-1 had answered 500": (
        "lost_in_flight",
        {"status": 503, "server": "haproxy", "retries": "+1", "termination": "sQ"}
        | {"executed": [("predictor-1", 500, 10)]},
    ),
    "its time in the queue was up after a try of which nobody tells": (
        "lost_in_flight",
        {"status": 503, "server": "haproxy", "retries": "+1", "termination": "sQ"},
    ),
    "a bad request": ("rejected", {"status": 422, "executed": [("predictor-1", 422, 2)]}),
    "too large a request": ("rejected", {"status": 413, "server": "haproxy", "termination": "LR"}),
    "no server was left": (
        "lost_before_server",
        {"status": 503, "server": "haproxy", "haproxy_server": "<NOSRV>", "termination": "SC"},
    ),
    "no server accepted the connection": (
        "lost_before_server",
        {"status": 503, "server": "haproxy", "haproxy_server": "predictor-2", "termination": "SC"},
    ),
    "no server was left for a second try": (
        "lost_in_flight",
        {"status": 503, "server": "haproxy", "haproxy_server": "<NOSRV>", "termination": "SC"}
        | {"retries": "1"},
    ),
    "HAProxy closed silently after its retries": (
        "lost_in_flight",
        {"status": 0, "error": NO_REPLY, "haproxy_status": 503, "termination": "SC", "sent_bytes": 0}
        | {"retries": "5"},
    ),
    "HAProxy closed silently at its first try": (
        "lost_before_server",
        {"status": 0, "error": NO_REPLY, "haproxy_status": 503, "termination": "SC", "sent_bytes": 0},
    ),
    "the client gave up in the queue": (
        "lost_before_server",
        {"status": 0, "haproxy_status": -1, "termination": "CQ", "sent_bytes": 0},
    ),
    "the client itself broke it off": (
        "client_gone",
        {"status": 0, "haproxy_status": -1, "termination": "CH", "sent_bytes": 0, "gone": True},
    ),
    "the client went before HAProxy had it": ("client_gone", {"status": 0, "logged": False, "gone": True}),
    "it never reached HAProxy": ("lost_before_server", {"status": 0, "error": REFUSED, "logged": False}),
    "HAProxy closed without a word when a server died on a used connection": (
        "lost_in_flight",
        {"status": 0, "error": NO_REPLY, "logged": False},
    ),
    "the server died with it": (
        "lost_in_flight",
        {"status": 502, "server": "haproxy", "haproxy_server": "predictor-1", "termination": "SH"},
    ),
    "HAProxy closed silently while it waited": (
        "lost_in_flight",
        {"status": 0, "haproxy_status": 503, "termination": "SH", "sent_bytes": 0},
    ),
    "the server answered 500": ("lost_in_flight", {"status": 500, "executed": [("predictor-1", 500, 5)]}),
    "the client gave up, the server was done later": (
        "lost_in_flight",
        {"status": 0, "haproxy_status": -1, "termination": "CH", "executed": [("predictor-1", 200, 9000)]},
    ),
    "the server was done, the client has nothing": (
        "lost_on_way_back",
        {"status": 0, "haproxy_status": 502, "termination": "SH", "executed": [("predictor-1", 200, 10)]},
    ),
    "the answer was cut off": (
        "lost_on_way_back",
        {"error": "body is not JSON", "termination": "SD", "executed": []},
    ),
    "HAProxy sent it, the client has nothing": (
        "lost_on_way_back",
        {"status": 0, "haproxy_status": 200, "termination": "CD"},
    ),
    "two servers computed it": (
        "executed_twice",
        {"retries": "+1", "executed": [("predictor-1", 200, 19), ("predictor-2", 200, 500)]},
    ),
    "one server computed it twice": (
        "executed_twice",
        {"executed": [("predictor-1", 200, 19), ("predictor-1", 200, 12)]},
    ),
    "three servers computed it": (
        "executed_twice",
        {"retries": "2", "server": "predictor-2", "took_ms": 30}
        | {"executed": [("predictor-1", 200, 9), ("predictor-2", 200, 29), ("predictor-3", 200, 19)]},
    ),
    "it was tried twice, computed once": (
        "served_after_retry",
        {"retries": "+1", "executed": [("predictor-2", 500, 3), ("predictor-1", 200, 19)]},
    ),
    "HAProxy's log has a line that says nothing": (
        "unknown",
        {"status": 0, "haproxy_status": -1, "termination": "--", "sent_bytes": 0, "haproxy_server": ""},
    ),
}


@pytest.fixture
def planted(tmp_path: Path) -> Planted:
    return Planted(tmp_path)


def classes(made: ledger.Ledger) -> dict[str, int]:
    return {name: count for name, count in made.classes.items() if count}


def test_each_kind_of_request_is_in_its_class(planted: Planted) -> None:
    """One of each, among many that were served; the classes add up to what was sent."""
    for number in range(100):
        planted.request(number / 100)
    expected = {}
    for number, (sentence, (name, fields)) in enumerate(CASES.items()):
        expected[planted.request(2 + number, f"{number:032x}f", **fields)] = (sentence, name)
    made = ledger.build(planted.save())
    found = dict(
        duckdb.read_parquet(str(planted.folder / ledger_sql.PARQUET)).project("request_id, class").fetchall()
    )
    wrong = {
        sentence: (found[request_id], name)
        for request_id, (sentence, name) in expected.items()
        if found[request_id] != name
    }
    assert not wrong, "sentence: (found, expected)"
    assert {name for name, _ in CASES.values()} == set(ledger.DEFINITIONS)
    assert made.sent == sum(made.classes.values()) == 100 + len(CASES) == len(found)
    assert made.executed_twice == 3
    assert made.executed_twice_outcomes == {"served": 1, "served_after_retry": 2}
    assert sum(made.unknown_because.values()) == 1
    assert made.complete, made.incomplete_because


def test_what_was_executed_twice_and_late_is_late_and_not_in_time(planted: Planted) -> None:
    planted.request(0)
    planted.request(1, executed=[("predictor-1", 200, 19), ("predictor-2", 200, 12)])
    planted.request(2, took_ms=1500, executed=[("predictor-1", 200, 700), ("predictor-2", 200, 1499)])
    planted.request(4, took_ms=1500)
    made = dataclasses.asdict(ledger.build(planted.save()))
    assert (made["classes"]["executed_twice"], made["classes"]["served_late"]) == (2, 1)
    assert (ledger.late(made), ledger.in_time(made)) == (2, 2)


def test_the_newest_ledger_is_taken_even_if_a_run_without_load_is_newer(planted: Planted) -> None:
    planted.folder = planted.folder / "20261121T120000Z-2-active-kill-active"
    planted.folder.mkdir()
    planted.request(0)
    planted.save()
    ledger.build(planted.folder)
    (planted.folder / ledger_sql.PARQUET).unlink()
    chaos = planted.folder.parent / "20261121T130000Z-2-active-chaos"
    chaos.mkdir()
    for name in (HAPROXY_LOG, PREDICTOR_LOG, STORY):
        (chaos / name).touch()
    settings = Settings(results_dir=planted.folder.parent)
    assert command.run(argparse.Namespace(folder=None), settings) == 0
    assert (planted.folder / ledger_sql.PARQUET).is_file()


def test_37_planted_losses_are_37_in_the_right_classes(planted: Planted) -> None:
    """Where, when, on which server, in which phase, with HAProxy's termination state."""
    lost: dict[str, tuple[int, dict[str, Any]]] = {
        "lost_before_server": (11, {"status": 503, "haproxy_server": "<NOSRV>", "termination": "SC"}),
        "lost_in_flight": (17, {"status": 502, "haproxy_server": "predictor-2", "termination": "SH"}),
        "lost_on_way_back": (9, {"status": 0, "haproxy_status": 200, "termination": "SD"}),
    }
    for number in range(1000):
        planted.request(number / 100)
    for place, (count, fields) in enumerate(lost.values()):
        for number in range(count):
            planted.request(3 + place + number / 100 + 0.005, server="haproxy", **fields)
    made = ledger.build(planted.save())
    assert classes(made) == {"served": 1000, **{name: count for name, (count, _) in lost.items()}}
    assert len(made.lost) == 37
    first, last = made.lost[0], made.lost[-1]
    assert (first.class_, first.phase, first.termination_state) == (
        "lost_before_server",
        "no server left",
        "SC",
    )
    assert first.time == pytest.approx(T0 + 3.005)
    assert (last.class_, last.phase, last.server) == ("lost_on_way_back", "answer under way", "haproxy")
    assert {row.server for row in made.lost if row.class_ == "lost_in_flight"} == {"predictor-2"}
    assert made.per_server["predictor-2"] == {"lost_in_flight": 17}
    assert made.per_server["haproxy"] == {"lost_before_server": 11, "lost_on_way_back": 9}
    assert made.complete, made.incomplete_because
    assert ledger.load(planted.folder) == made
    written = json.loads((planted.folder / LEDGER).read_text())
    assert written["lost"][0]["class"] == "lost_before_server"
    lengths = [each["duration_s"] for each in written["outages"]]
    assert lengths == pytest.approx([0.105, 0.165, 0.085], abs=1e-5)
    assert [each["not_served"] for each in written["outages"]] == [11, 17, 9]


def test_a_loss_after_a_retry_says_what_is_not_known(planted: Planted) -> None:
    """HAProxy's state is that of the last try.

    Who had it before is known by the predictors' logs alone.
    """
    planted.request(0)
    fields: dict[str, Any] = {"status": 503, "server": "haproxy", "haproxy_server": "<NOSRV>"}
    planted.request(1, termination="SC", **fields)
    planted.request(2, termination="SC", retries="1", **fields)
    planted.request(3, termination="sQ", retries="1", executed=[("predictor-2", 500, 9)], **fields)
    planted.request(
        4, termination="SC", retries="1", status=503, server="haproxy", haproxy_server="predictor-2"
    )
    made = ledger.build(planted.save())
    assert [(row.class_, row.server, row.phase) for row in made.lost] == [
        ("lost_before_server", "haproxy", "no server left"),
        ("lost_in_flight", "haproxy", "no server left, after an earlier try"),
        ("lost_in_flight", "predictor-2", "queue, after an earlier try"),
        ("lost_in_flight", "predictor-2", "connecting, after an earlier try"),
    ]


def test_lines_that_haproxys_log_lacks_make_the_ledger_incomplete(planted: Planted) -> None:
    """A reply proves that HAProxy had the request; without its line nothing more is known of it."""
    for number in range(100):
        planted.request(number / 10, logged=not 40 <= number < 50)
    lost = planted.request(4.55, status=0, error=NO_REPLY, logged=False)
    made = ledger.build(planted.save())
    assert classes(made) == {"served": 90, "unknown": 11}
    assert not made.complete
    assert "10 requests that were answered have no line in HAProxy's log" in made.incomplete_because
    assert sum(made.unknown_because.values()) == 11
    assert lost in {row.request_id for row in made.lost}, "in a gap of the log, a missing line proves nothing"


def test_a_missing_log_makes_everything_unknown(planted: Planted) -> None:
    for number in range(10):
        planted.request(number / 10)
    planted.request(2, status=0, error=NO_REPLY)
    folder = planted.save()
    for name in (HAPROXY_LOG, PREDICTOR_LOG):
        (folder / name).unlink()
    made = ledger.build(folder)
    assert classes(made) == {"unknown": 11}
    assert {"haproxy.jsonl is missing", "predictor.jsonl is missing"} <= set(made.incomplete_because)


def test_lines_that_a_dead_haproxy_did_not_write_are_expected(planted: Planted) -> None:
    """It was struck: who was answered was served; who was not was lost where the log says."""
    planted.fault(5.0, "inject", "haproxy")
    planted.fault(5.2, "effect", "haproxy")
    planted.fault(7.0, "ended", "haproxy")
    for number in range(50):
        planted.request(number / 10, logged=number < 49)
    planted.request(5.05, status=0, error=NO_REPLY, logged=False)
    planted.request(4.99, status=0, error=NO_REPLY, logged=False, executed=[("predictor-2", 200, 8)])
    planted.request(6.0, status=0, error="ConnectionRefusedError: [Errno 111]", logged=False)
    planted.request(9.0)
    made = ledger.build(planted.save())
    assert made.complete, made.incomplete_because
    assert classes(made) == {"served": 51, "lost_before_server": 2, "lost_on_way_back": 1}
    assert any("HAProxy itself was struck" in note for note in made.notes)
    assert [(row.class_, row.server, row.phase) for row in made.lost] == [
        ("lost_on_way_back", "predictor-2", "HAProxy ended with it"),
        ("lost_before_server", "(none)", "at HAProxy"),
        ("lost_before_server", "(none)", "on the way to HAProxy"),
    ]


def test_lines_that_a_dying_predictor_did_not_write_are_told_from_lost_logs(planted: Planted) -> None:
    """It gathers lines for 0.1 s; what it answered long before its death has to be in its log."""
    signals = ((10_000, "died"), (5000, "started"))
    planted.journal = told(*(signalled(ms, "docker", kind) for ms, kind in signals))
    for number in range(100):
        planted.request(number / 10, executed=[] if number == 99 else None)
    made = ledger.build(planted.save())
    assert made.complete, made.incomplete_because
    assert any("took its last lines with it" in note for note in made.notes)
    planted.request(5.0, executed=[])  # a start, just then, explains nothing
    (planted.folder / REQUESTS).unlink()
    made = ledger.build(planted.save())
    assert not made.complete
    assert "1 requests that predictor-1 answered have no line in its log" in made.incomplete_because[0]


def test_requests_without_a_row_of_the_client_are_counted(planted: Planted) -> None:
    """The load's own make the ledger incomplete.

    Those of others, and the probe before the load, do not.
    """
    for number in range(20):
        planted.request(number / 10)
    planted.log("probe-1", 0.5)
    planted.log("bad-5f0f3c1e-0000-4000-8000-000000000001", 0.5)
    planted.log("5f0f3c1e-0000-4000-8000-000000000000", 0.5)
    made = ledger.build(planted.save())
    assert made.complete
    assert "HAProxy served 1 requests that were not of the load" in made.notes
    planted.log("f" * 32, 0.6)
    planted.unfinished = 3
    (planted.folder / REQUESTS).unlink()
    made = ledger.build(planted.save())
    assert made.incomplete_because == (
        "1 requests of the load in HAProxy's log have no row in requests.csv",
        "3 requests had no end when the load was ended, and have no row",
    )


def test_a_generator_that_died_makes_the_ledger_incomplete(planted: Planted) -> None:
    planted.request(0)
    planted.unfinished = None
    assert "generator ended before" in ledger.build(planted.save()).incomplete_because[0]


def test_a_count_of_the_generators_that_is_not_that_of_the_rows_makes_the_ledger_incomplete(
    planted: Planted,
) -> None:
    for number in range(5):
        planted.request(number)
    planted.begun, planted.unfinished = 8, 1
    assert ledger.build(planted.save()).incomplete_because == (
        "1 requests had no end when the load was ended, and have no row",
        "the generator began 8 requests and ended 7; 5 have a row",
    )


def test_what_was_missing_when_the_logs_were_fetched_stays_known(planted: Planted) -> None:
    """The ledger can be made again at any time, from the folder alone."""
    planted.request(0)
    reason = "the log of haproxy does not reach back to the start: it was rotated"
    planted.collected = [{"service": "haproxy", "missing": reason}, {"service": "controller", "missing": ""}]
    assert ledger.build(planted.save()).incomplete_because == (reason,)


CONTAINERS = {"haproxy": "", "predictor-1": "", "predictor-2": "", "controller": ""}
"""Docker on loopback gives no container an id."""


def test_the_logs_of_all_parts_are_fetched(tmp_path: Path) -> None:
    """Requests and messages apart, predictors' lines in one file, the journal by itself."""
    entry = {"seq": 1, "time": T0, "event": "started", "policy": {}}
    logs = {
        "haproxy": ['{"id": "probe-1"}', "Proxy public started.", '{"id": "a\u2028b"}'],
        "predictor-1": ['{"request_id": "a"}', "a warning"],
        "predictor-2": ['{"request_id": "b"}'],
        "controller": ["hello", json.dumps(entry), "{no JSON", '{"seq": 1}'],
    }
    answers.save(tmp_path, Answers("1", 1, [], []))
    with docker() as peer, Engine(peer.url, "lab") as engine:
        peer.log_of = lambda name: "".join(f"{line}\n" for line in logs[name[4:-2]]).encode()
        entries, missing = collect.collect(tmp_path, engine, T0, CONTAINERS)
    assert missing == []
    assert [each.raw for each in entries] == [entry]
    written = {
        name: (tmp_path / name).read_text(encoding="utf-8").split("\n")[:-1]
        for name in (HAPROXY_LOG, HAPROXY_MESSAGES, PREDICTOR_LOG, JOURNAL)
    }
    assert list(written.values()) == [
        [logs["haproxy"][0], logs["haproxy"][2]],
        [logs["haproxy"][1]],
        [logs["predictor-1"][0], *logs["predictor-2"]],
        [json.dumps(entry)],
    ]
    counted = {each["service"]: each["lines"] for each in read_json(tmp_path / COLLECTED)}
    assert counted == {service: len(lines) for service, lines in logs.items()}


def test_what_a_log_lacks_is_said_once_by_the_ledger_or_else_by_who_fetched_it(tmp_path: Path) -> None:
    """It was rotated, its container was replaced, it cannot be read at all."""
    answers.save(tmp_path, Answers("1", 1, [], []))
    before = CONTAINERS | {"predictor-1": "another", "predictor-9": ""}
    with docker() as peer, Engine(peer.url, "lab") as engine:
        peer.log_of = lambda _: b'{"id": "later"}\n'
        _, missing = collect.collect(tmp_path, engine, T0, before)
        assert missing[:2] == [
            "the log of haproxy does not reach back to the start: it was rotated",
            "the container of predictor-1 was replaced",
        ]
        assert missing[2].startswith("the log of predictor-9 cannot be read: ")
        kept = read_json(tmp_path / COLLECTED)
        assert [each["missing"] for each in kept if each["missing"]] == missing
        (tmp_path / REQUESTS).touch()
        assert collect.collect(tmp_path, engine, T0, before)[1] == []


def test_a_line_may_come_in_pieces() -> None:
    """Docker gives a long line in several; only a line feed ends one."""
    assert list(_lines([b"a", b"b\nc\x0bd\n", b"\n\xc3", b"\xa4\nend"])) == ["ab", "c\x0bd", "", "ä", "end"]


def test_a_log_that_was_read_twice_counts_once(planted: Planted) -> None:
    for number in range(20):
        planted.request(number / 10)
    planted.haproxy *= 2
    planted.predictor *= 2
    planted.predictor.append('{"time": 17637')
    assert classes(ledger.build(planted.save())) == {"served": 20}


def test_a_decision_that_contradicts_its_probability_is_a_wrong_answer(planted: Planted) -> None:
    """The probability is right, and the candidate is told the opposite."""
    planted.request(0)
    planted.request(0.1, placement=True)
    assert classes(ledger.build(planted.save())) == {"served": 1, "wrong_answer": 1}


def test_wrong_answers_are_not_looked_for_without_the_right_ones(planted: Planted) -> None:
    planted.request(0, probability=0.75)
    planted.right = None
    made = ledger.build(planted.save())
    assert classes(made) == {"served": 1}
    assert any("answers.json is missing" in note for note in made.notes)


def test_a_folder_without_requests_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RecordsError, match=r"requests\.csv is missing"):
        ledger.build(tmp_path)


def test_late_refused_lost_and_wrong_requests_are_not_served_and_a_client_gone_is_no_evidence(
    planted: Planted,
) -> None:
    """At 20 requests/s: 235 late ones alone are an outage, and so are refusals."""
    kinds: list[tuple[float, dict[str, Any]]] = [
        (5, {"latency_ms": 4900.0, "took_ms": 4900}),
        (10, {"status": 429, "server": "haproxy", "haproxy_server": "<NOSRV>", "termination": "LR"}),
        (15, {"status": 502, "server": "haproxy", "termination": "SH"}),
        (20, {"probability": 0.75}),
        (25, {"status": 0, "logged": False, "gone": True}),
    ]
    for number in range(600):
        at_s = number / 20
        planted.request(at_s, **next((fields for begun, fields in kinds if begun <= at_s < begun + 2), {}))
    made = ledger.build(planted.save())
    assert [each.duration_s for each in made.outages] == pytest.approx([2, 2, 2, 2], abs=1e-5)
    assert [each.start_s - T0 for each in made.outages] == pytest.approx([5, 10, 15, 20])
    assert (made.out_of_service_s, made.longest_outage_s) == pytest.approx((8, 2))
    # The clients that went themselves leave two seconds without a request, which say nothing.
    assert made.nothing_due_s == pytest.approx(2.05)


def test_an_outage_of_5_s_is_reported_as_5_s(tmp_path: Path) -> None:
    """A server answers nothing for exactly 5.0 s; the real load generator measures how long."""
    began: list[float] = []

    def script(number: int, _: str) -> Reply:
        if number == 25:
            began.append(time.monotonic())
        down = began and time.monotonic() - began[0] < 5.0
        return (
            Reply(close=True) if down else Reply(body=b'{"Placement_Probability": 0.25, "Placement": false}')
        )

    with serving(predictions(script)) as server:
        outcome = load(server, tmp_path, RATE="50", DURATION="7", BEYOND_S="-1")
    made = ledger.build(outcome.folder)
    assert [outage.duration_s for outage in made.outages] == [pytest.approx(5.0, abs=0.1)]
    assert not made.complete, "there was no HAProxy, so where each was lost is not known"


@contextlib.contextmanager
def starving(folder: Path) -> Iterator[None]:
    """Give the load generator of results below a folder no CPU for 0.4 s out of 0.8 s."""
    stopped = threading.Event()

    def send(number: signal.Signals) -> None:
        for pid in generators(folder):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)

    def starve() -> None:
        number = signal.SIGCONT
        while not stopped.wait(0.4):
            number = signal.SIGCONT if number == signal.SIGSTOP else signal.SIGSTOP
            send(number)
        send(signal.SIGCONT)

    thread = threading.Thread(target=starve)
    thread.start()
    try:
        yield
    finally:
        stopped.set()
        thread.join()


def generators(folder: Path) -> Iterator[int]:
    """Yield the processes that this one started to generate load into a folder."""
    for children in Path("/proc/self/task").glob("*/children"):
        for pid in read(children).split():
            words = read(Path(f"/proc/{pid}/cmdline")).split("\0")
            if "locust" in words and any(word.startswith(str(folder)) for word in words):
                yield int(pid)


def read(path: Path) -> str:
    """A file of /proc; empty if its thread or process has ended."""
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        return path.read_text()
    return ""


def test_a_starved_generator_makes_the_run_invalid(tmp_path: Path) -> None:
    """A generator that gets no CPU half of the time cannot keep its schedule."""
    with serving(predictions(lambda *_: Reply())) as server, starving(tmp_path):
        outcome = load(server, tmp_path, RATE="50", DURATION="4", BEYOND_S="-1")
    assert not summary.summarise(outcome.folder).valid
    assert "fell behind" in "".join(outcome.summary.invalid_because)


def test_the_documentation_lists_each_class_key_and_column(planted: Planted) -> None:
    """docs/ledger.md has the classes and rules in the code's own words, and each key and column."""
    text = (ROOT / "docs/ledger.md").read_text(encoding="utf-8")
    rules = {name: rule for name, (_, rule, _) in invariants.RULES.items()}
    for name, words in (ledger.DEFINITIONS | rules).items():
        assert re.search(rf"^\| `{name}` \| {re.escape(words)} \|", text, re.MULTILINE), name
    planted.fault(0, "inject")
    planted.request(0)
    planted.request(1, status=502, server="haproxy", termination="SH")
    folder = planted.save()
    made = ledger.build(folder).as_json()
    told = story.build(folder).as_json()
    columns = duckdb.read_parquet(str(folder / ledger_sql.PARQUET)).columns
    keys = {*made, *made["lost"][0], *made["outages"][0], *told, *milestones.NAMES}
    keys |= {*told["milestones"][0], *told["phases"][0], *told["requests"]}
    keys |= {field.name for field in dataclasses.fields(invariants.Finding)}
    quoted = set(re.findall(r"`([^`\n]+)`", text))
    assert not keys - quoted
    assert not set(columns) - quoted


def test_the_benchmark_of_the_join_plants_what_the_ledger_finds(tmp_path: Path) -> None:
    """A small one: 1 of 100 requests retried, 1 of 1000 lost, nothing missing."""
    ledger_join.plant(tmp_path, 2000)
    took_s, memory_mb = ledger_join.in_a_process(tmp_path)
    made = ledger.load(tmp_path)
    assert classes(made) == {"served": 1978, "served_after_retry": 20, "lost_in_flight": 2}
    assert made.complete, made.incomplete_because
    assert 0 < took_s < 20
    assert memory_mb < 1000
