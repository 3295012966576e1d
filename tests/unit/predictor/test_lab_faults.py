"""The lab's faults against a real predictor: each is seen to take effect, and seen to end."""

import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from lab import faults
from lab.errors import LabError, UnreachableError
from lab.parts.docker import Engine
from unit.lab.loopback_docker import LoopbackDocker, docker
from unit.lab.scripted_server import Reply, serving
from unit.predictor.conftest import PATIENCE_S, Running, Serve

SERVER = "predictor-1"
TOLD = [
    name
    for name in faults.names()
    if faults.load(name).LIMIT == faults.PREDICTOR and name != "refused_port"  # it cannot be told to end
]


@pytest.fixture(scope="module")
def peer() -> Iterator[LoopbackDocker]:
    with docker() as made:
        yield made


@pytest.fixture(scope="module")
def engine(peer: LoopbackDocker) -> Iterator[Engine]:
    with Engine(peer.url, "lab") as made:
        yield made


@pytest.fixture
def context(engine: Engine, bare: Running, tmp_path: Path) -> Iterator[faults.Context]:
    """Reach one predictor directly, as clients too."""
    url = f"http://127.0.0.1:{bare.port}"
    yield faults.Context(engine, url, url, folder=tmp_path)
    bare.http.delete("/faults")


def until_over(context: faults.Context, name: str, target: str, given: faults.Parameters) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not faults.load(name).ended(context, target, given):
        assert time.monotonic() < deadline, f"{name} is not over"
        time.sleep(0.02)


@pytest.mark.parametrize("name", TOLD)
def test_a_fault_takes_effect_and_is_undone(context: faults.Context, name: str) -> None:
    """The predictor says so itself, both times."""
    fault = faults.load(name)
    given = faults.complete(name, {"memory_mb": 8} if name == "memory" else {})
    assert faults.why_not(name, context, SERVER, given) == ""
    assert not fault.took_effect(context, SERVER, given)
    fault.inject(context, SERVER, given)
    assert fault.took_effect(context, SERVER, given)
    assert not fault.ended(context, SERVER, given)
    fault.undo(context, SERVER, given)
    fault.undo(context, SERVER, given)
    assert fault.ended(context, SERVER, given)
    assert name == "memory" or not fault.took_effect(context, SERVER, given)


def test_a_fault_of_a_predictor_ends_by_the_predictors_clock(context: faults.Context) -> None:
    """Nobody undoes it."""
    given = faults.complete("errors", {"duration_s": 0.3})
    faults.load("errors").inject(context, SERVER, given)
    until_over(context, "errors", SERVER, given)


def test_errors_are_errors(context: faults.Context, bare: Running) -> None:
    with faults.lasting("errors", context, SERVER, {"rate": 1}) as inject:
        inject()
        assert bare.http.get("/predict").status_code == 500
    assert bare.http.get("/predict").status_code == 200


@pytest.mark.parametrize(("name", "served"), [("lost_requests", 0), ("lost_replies", 1)])
def test_a_lost_message_leaves_the_client_waiting(
    context: faults.Context, bare: Running, name: str, served: int
) -> None:
    """Only a lost reply was worked for, and counts as served."""
    given = faults.complete(name, {"rate": 1})
    assert bare.http.get("/predict").status_code == 200
    counters = ('predictor_requests_total{status="200"}', "predictor_candidates_total")
    before = [bare.metric(counter) for counter in counters]
    faults.load(name).inject(context, SERVER, given)
    with pytest.raises(httpx.ReadTimeout):
        bare.http.get("/predict", timeout=1)
    assert [bare.metric(counter) for counter in counters] == [count + served for count in before]
    faults.load(name).undo(context, SERVER, given)
    assert bare.http.get("/predict").status_code == 200


def test_a_closed_port_refuses_and_opens_by_itself(context: faults.Context, bare: Running) -> None:
    """A connection that is open goes on meanwhile."""
    given = faults.complete("refused_port", {"duration_s": 2.5})
    assert bare.http.get("/predict").status_code == 200
    fault = faults.load("refused_port")
    fault.inject(context, SERVER, given)
    deadline = time.monotonic() + PATIENCE_S
    while not fault.took_effect(context, SERVER, given):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    assert bare.http.get("/predict").status_code == 200
    assert not fault.ended(context, SERVER, given)
    time.sleep(1.6)  # undo() waits for an end that is near
    fault.undo(context, SERVER, given)
    assert fault.ended(context, SERVER, given)
    assert not fault.took_effect(context, SERVER, given)


def test_a_slow_link_trickles_the_body_and_goes_on_when_it_is_over(
    context: faults.Context, bare: Running
) -> None:
    given = faults.complete("slow_link", {"bytes_per_s": 20})
    faults.load("slow_link").inject(context, SERVER, given)
    threading.Timer(0.4, faults.load("slow_link").undo, (context, SERVER, given)).start()
    started = time.monotonic()
    reply = bare.http.get("/predict")
    assert 0.3 < time.monotonic() - started < PATIENCE_S
    assert "Placement_Probability" in reply.json()


def test_predictors_without_faults_make_them_not_applicable(
    engine: Engine, serve: Serve, context: faults.Context
) -> None:
    """The reason says how they were started."""
    with serve(faults=0) as server:
        url = f"http://127.0.0.1:{server.port}"
        strict = faults.Context(engine, url, url)
        given = faults.complete("errors")
        assert "FAULTS=0" in faults.why_not("errors", strict, SERVER, given)
        with pytest.raises(LabError, match="FAULTS=0"):
            faults.load("errors").inject(strict, SERVER, given)


def test_a_server_out_of_reach_is_an_error_that_says_that_the_fault_ends(engine: Engine) -> None:
    lost = faults.Context(engine, predictor_url="http://127.0.0.1:9")
    with pytest.raises(UnreachableError, match="does not answer on /faults") as caught:
        faults.load("errors").inject(lost, SERVER, faults.complete("errors"))
    assert "by its own clock" in caught.value.remedy


@pytest.mark.parametrize(
    ("name", "given", "statuses"),
    [
        ("bad_oversized", {"megabytes": 1.5, "requests": 6}, {"413"}),
        ("bad_malformed", {"requests": 30, "rate": 200}, {"422"}),
        ("bad_poisoned", {"requests": 30, "rate": 200}, {"422"}),
    ],
)
def test_bad_input_is_refused_and_what_came_back_is_recorded(
    context: faults.Context, bare: Running, name: str, given: dict[str, float], statuses: set[str]
) -> None:
    """Each bad request has a line; the server serves on."""
    full = faults.complete(name, {"rate": 100, **given})
    faults.load(name).inject(context, "client", full)
    until_over(context, name, "client", full)
    faults.load(name).undo(context, "client", full)
    assert faults.load(name).took_effect(context, "client", full)
    found = faults.report(name, context, "client")
    assert found["sent"] == given["requests"]
    assert set(found["statuses"]) == statuses
    rows = recorded(context)
    assert len(rows) == given["requests"]
    assert all(row["fault"] == name and row["request_id"].startswith("bad-") for row in rows)
    assert len({row["what"] for row in rows}) > 1
    assert bare.http.get("/predict").status_code == 200


def recorded(context: faults.Context) -> list[dict[str, Any]]:
    assert context.folder is not None
    text = (context.folder / "bad_input.jsonl").read_text(encoding="utf-8")
    return [json.loads(line) for line in text.splitlines()]


def test_slow_bodies_are_given_up_by_the_server_or_at_the_end(
    engine: Engine, serve: Serve, tmp_path: Path
) -> None:
    """A server with patience for 0.3 s answers 408."""
    with serve(body_timeout_s=0.3) as server:
        url = f"http://127.0.0.1:{server.port}"
        context = faults.Context(engine, url, url, folder=tmp_path)
        given = faults.complete("bad_slow_body", {"connections": 5, "interval_s": 0.05})
        faults.load("bad_slow_body").inject(context, "client", given)
        until_over(context, "bad_slow_body", "client", given)
        assert faults.report("bad_slow_body", context, "client") == {"sent": 5, "statuses": {"408": 5}}
    assert all(row["bytes"] > 0 for row in recorded(context))


def test_slow_bodies_end_when_they_are_undone(context: faults.Context) -> None:
    given = faults.complete("bad_slow_body", {"connections": 3, "interval_s": 0.05})
    faults.load("bad_slow_body").inject(context, "client", given)
    faults.load("bad_slow_body").undo(context, "client", given)
    assert faults.load("bad_slow_body").ended(context, "client", given)
    assert {row["error"] for row in recorded(context)} == {"given up"}


@pytest.mark.parametrize("heard", [True, False])
def test_a_crash_loop_counts_what_docker_saw_die(
    engine: Engine, peer: LoopbackDocker, *, heard: bool
) -> None:
    """The server here is a scripted one: a real one would take the tests along. It may live on when told."""

    def script(number: int, path: str) -> Reply:
        if path == "/faults" and server.requests[number][2] and heard:
            peer.happened("crash", f"lab-{SERVER}-1")
            peer.happened("start", f"lab-{SERVER}-1")
        return Reply(body=b'{"active": false}')

    with serving(script) as server:
        context = faults.Context(engine, predictor_url=server.url)
        given = faults.complete("crash_loop", {"up_s": 0, "duration_s": 1.5})
        loop = faults.load("crash_loop")
        loop.inject(context, SERVER, given)
        assert not loop.ended(context, SERVER, given)
        until_over(context, "crash_loop", SERVER, given)
        loop.undo(context, SERVER, given)
        assert loop.took_effect(context, SERVER, given) is heard
        crashes = faults.report("crash_loop", context, SERVER)["crashes"]
    orders = [json.loads(body) for path, _, body in server.requests if path == "/faults" and body]
    assert len(orders) >= 3
    assert crashes == (len(orders) if heard else 0)
    assert all(order == {"duration_s": order["duration_s"], "crash": True} for order in orders)


@pytest.mark.parametrize("name", ["bad_malformed", "bad_slow_body"])
def test_bad_input_that_nobody_answers_took_no_effect(engine: Engine, name: str) -> None:
    """No reply is a row of the records, and no sign that anything came anywhere."""
    context = faults.Context(engine, "http://127.0.0.1:9")
    given = faults.complete(name, {"connections" if name == "bad_slow_body" else "requests": 3})
    fault = faults.load(name)
    fault.inject(context, "client", given)
    until_over(context, name, "client", given)
    fault.undo(context, "client", given)
    assert not fault.took_effect(context, "client", given)
    assert faults.report(name, context, "client")["statuses"].keys() <= {"no reply"}


@pytest.mark.parametrize(
    ("older", "newer"),
    [("errors", "latency"), ("memory", "unready"), ("latency", "memory")],
)
def test_a_fault_does_not_end_the_newer_one_that_took_its_place(
    context: faults.Context, older: str, newer: str
) -> None:
    """Its own end is there already, and stays harmless."""
    small = {name: faults.complete(name, {"memory_mb": 8} if name == "memory" else {}) for name in TOLD}
    faults.load(older).inject(context, SERVER, small[older])
    faults.load(newer).inject(context, SERVER, small[newer])
    faults.load(older).undo(context, SERVER, small[older])
    assert faults.load(newer).took_effect(context, SERVER, small[newer])
    faults.load(newer).undo(context, SERVER, small[newer])
    assert faults.load(newer).ended(context, SERVER, small[newer])
    assert faults.load(older).ended(context, SERVER, small[older])


def test_a_latency_that_is_random_only_is_in_force_all_the_same(context: faults.Context) -> None:
    """What a field of 0 says is nothing; all of them together are the fault."""
    latency, given = faults.load("latency"), faults.complete("latency", {"latency_ms": 0, "jitter_ms": 50})
    latency.inject(context, SERVER, given)
    assert latency.took_effect(context, SERVER, given)
    assert not latency.ended(context, SERVER, given)
    latency.undo(context, SERVER, given)
    assert latency.ended(context, SERVER, given)
