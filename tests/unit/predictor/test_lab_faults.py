"""The lab's faults against a real predictor: each is seen to take effect, and seen to end."""

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from lab import faults
from lab.errors import LabError, UnreachableError
from lab.faults.contract import PREDICTOR, Context, Fault, Injection
from lab.faults.kinds import crash_loop
from lab.load import bodies
from lab.parts.docker import Engine
from unit.lab.loopback_docker import LoopbackDocker, docker
from unit.lab.scripted_server import Reply, serving
from unit.predictor.conftest import PATIENCE_S, Running, Serve

SERVER = "predictor-1"
TOLD = [
    name
    for name in faults.names()
    if faults.load(name).limit == PREDICTOR and name != "refused_port"  # it cannot be told to end
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
def context(engine: Engine, bare: Running, tmp_path: Path) -> Iterator[Context]:
    """Reach one predictor directly, as clients too."""
    url = f"http://127.0.0.1:{bare.port}"
    bodies.save(tmp_path, bodies.bodies(bare.http.get("/info").json()["feature_schema"], 20, 1))
    yield Context(engine, url, url, folder=tmp_path)
    bare.http.delete("/faults")


def until_over(fault: Fault, injection: Injection) -> None:
    until(lambda: fault.ended(injection))


def until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def small(name: str) -> dict[str, float]:
    """Return what a fault is given where its defaults are too much for a test."""
    return {"memory_mb": 8} if name == "memory" else {}


@pytest.mark.parametrize("model", ["bare", "emulated"])
@pytest.mark.parametrize("name", TOLD)
def test_a_fault_takes_effect_and_is_undone(
    engine: Engine, name: str, model: str, request: pytest.FixtureRequest
) -> None:
    """The predictor says so itself, both times."""
    url = f"http://127.0.0.1:{request.getfixturevalue(model).port}"
    context = Context(engine, url, url)
    fault = faults.load(name)
    injection = fault.at(context, SERVER, small(name))
    assert fault.why_not(injection) == ""
    assert not fault.took_effect(injection)
    fault.inject(injection)
    assert fault.took_effect(injection)
    assert not fault.ended(injection)
    fault.undo(injection)
    fault.undo(injection)
    assert fault.ended(injection)
    assert name == "memory" or not fault.took_effect(injection)


def test_a_fault_of_a_predictor_ends_by_the_predictors_clock(context: Context) -> None:
    """Nobody undoes it."""
    errors = faults.load("errors")
    injection = errors.at(context, SERVER, {"duration_s": 0.3})
    errors.inject(injection)
    until_over(errors, injection)


def test_errors_are_errors(context: Context, bare: Running) -> None:
    errors = faults.load("errors")
    with errors.lasting(errors.at(context, SERVER, {"rate": 1})) as inject:
        inject()
        assert bare.http.get("/predict").status_code == 500
    assert bare.http.get("/predict").status_code == 200


@pytest.mark.parametrize(("name", "served"), [("lost_requests", 0), ("lost_replies", 1)])
def test_a_lost_message_leaves_the_client_waiting(
    context: Context, bare: Running, name: str, served: int
) -> None:
    """Only a lost reply was worked for, and counts as served."""
    fault = faults.load(name)
    injection = fault.at(context, SERVER, {"rate": 1})
    assert bare.http.get("/predict").status_code == 200
    counters = ('predictor_requests_total{status="200"}', "predictor_candidates_total")
    before = [bare.metric(counter) for counter in counters]
    fault.inject(injection)
    with pytest.raises(httpx.ReadTimeout):
        bare.http.get("/predict", timeout=1)
    assert [bare.metric(counter) for counter in counters] == [count + served for count in before]
    fault.undo(injection)
    assert bare.http.get("/predict").status_code == 200


def test_a_stuck_worker_holds_the_only_slot_until_it_is_undone(engine: Engine, emulated: Running) -> None:
    """Nothing is served meanwhile, and the process answers all else."""
    url = f"http://127.0.0.1:{emulated.port}"
    stuck = faults.load("stuck_worker")
    injection = stuck.at(Context(engine, url, url), SERVER)
    stuck.inject(injection)
    with pytest.raises(httpx.ReadTimeout):
        emulated.http.get("/predict", timeout=1)
    assert emulated.http.get("/health/live").status_code == 200
    stuck.undo(injection)
    assert emulated.http.get("/predict").status_code == 200


def test_latency_is_added_to_what_the_service_takes(engine: Engine, emulated: Running) -> None:
    """A clock that counts too little would show less."""
    url = f"http://127.0.0.1:{emulated.port}"
    latency = faults.load("latency")
    with latency.lasting(latency.at(Context(engine, url, url), SERVER, {"latency_ms": 150})) as inject:
        inject()
        started = time.monotonic()
        assert emulated.http.get("/predict").status_code == 200
        assert time.monotonic() - started >= 0.15


def test_a_closed_port_refuses_and_opens_when_it_is_over(context: Context, bare: Running) -> None:
    """A connection that is open goes on meanwhile; here it ends the fault, as its time would."""
    assert bare.http.get("/predict").status_code == 200
    fault = faults.load("refused_port")
    injection = fault.at(context, SERVER, {"duration_s": 600})
    fault.inject(injection)
    until(lambda: fault.took_effect(injection))
    assert bare.http.get("/predict").status_code == 200
    assert not fault.ended(injection)
    bare.http.delete("/faults")
    until(lambda: fault.ended(injection))
    fault.undo(injection)
    assert fault.ended(injection)
    assert not fault.took_effect(injection)


def test_a_slow_link_trickles_the_body_and_goes_on_when_it_is_over(context: Context, bare: Running) -> None:
    """The body would take many seconds; the rest of it comes at once."""
    slow = faults.load("slow_link")
    injection = slow.at(context, SERVER, {"bytes_per_s": 5})
    slow.inject(injection)
    with bare.http.stream("GET", "/predict") as reply:
        pieces = reply.iter_raw()
        first = next(pieces)
        slow.undo(injection)
        rest = b"".join(pieces)
    assert 0 < len(first) < len(first + rest)
    assert "Placement_Probability" in json.loads(first + rest)


def test_predictors_without_faults_make_them_not_applicable(
    engine: Engine, serve: Serve, context: Context
) -> None:
    """The reason says how they were started."""
    with serve(faults=0) as server:
        url = f"http://127.0.0.1:{server.port}"
        strict = Context(engine, url, url)
        errors = faults.load("errors")
        injection = errors.at(strict, SERVER)
        assert "FAULTS=0" in errors.why_not(injection)
        with pytest.raises(LabError, match="FAULTS=0"):
            errors.inject(injection)


def test_a_server_out_of_reach_is_an_error_that_says_that_the_fault_ends(engine: Engine) -> None:
    lost = Context(engine, predictor_url="http://127.0.0.1:9")
    errors = faults.load("errors")
    with pytest.raises(UnreachableError, match="does not answer on /faults") as caught:
        errors.inject(errors.at(lost, SERVER))
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
    context: Context, bare: Running, name: str, given: dict[str, float], statuses: set[str]
) -> None:
    """Each bad request has a line; the server serves on."""
    fault = faults.load(name)
    injection = fault.at(context, "client", {"rate": 100, **given})
    fault.inject(injection)
    until_over(fault, injection)
    fault.undo(injection)
    assert fault.took_effect(injection)
    report = fault.report(injection)
    assert report["sent"] == given["requests"]
    assert set(report["statuses"]) == statuses
    rows = recorded(context)
    assert len(rows) == given["requests"]
    assert all(row["fault"] == name and row["request_id"].startswith("bad-") for row in rows)
    assert len({row["what"] for row in rows}) > 1
    assert bare.http.get("/predict").status_code == 200


def recorded(context: Context) -> list[dict[str, Any]]:
    assert context.folder is not None
    text = (context.folder / "bad_input.jsonl").read_text(encoding="utf-8")
    return [json.loads(line) for line in text.splitlines()]


def test_slow_bodies_are_given_up_by_the_server_or_at_the_end(
    engine: Engine, serve: Serve, tmp_path: Path
) -> None:
    """A server with patience for 0.3 s answers 408."""
    with serve(body_timeout_s=0.3) as server:
        url = f"http://127.0.0.1:{server.port}"
        context = Context(engine, url, url, folder=tmp_path)
        slow = faults.load("bad_slow_body")
        injection = slow.at(context, "client", {"connections": 5, "interval_s": 0.05})
        slow.inject(injection)
        until_over(slow, injection)
        assert slow.report(injection) == {"sent": 5, "statuses": {"408": 5}}
    assert all(row["bytes"] > 0 for row in recorded(context))


def test_slow_bodies_end_when_they_are_undone(context: Context) -> None:
    slow = faults.load("bad_slow_body")
    injection = slow.at(context, "client", {"connections": 3, "interval_s": 0.05})
    slow.inject(injection)
    slow.undo(injection)
    assert slow.ended(injection)
    assert {row["error"] for row in recorded(context)} == {"given up"}


@pytest.mark.parametrize("heard", [True, False])
def test_a_crash_loop_counts_what_docker_saw_die(
    engine: Engine, peer: LoopbackDocker, monkeypatch: pytest.MonkeyPatch, *, heard: bool
) -> None:
    """The server here is a scripted one: a real one would take the tests along.

    It may live on when told.
    """
    monkeypatch.setattr(crash_loop, "POLL_S", 0.02)
    monkeypatch.setattr(crash_loop, "DEATH_S", 2.0 if heard else 0.1)

    def orders() -> list[dict[str, Any]]:
        return [json.loads(body) for path, _, body in server.requests if path == "/faults" and body]

    def script(number: int, path: str) -> Reply:
        if path == "/faults" and server.requests[number][2] and heard:
            peer.happened("crash", f"lab-{SERVER}-1")
            peer.happened("start", f"lab-{SERVER}-1")
        return Reply(body=b'{"active": false}')

    with serving(script) as server:
        context = Context(engine, predictor_url=server.url)
        loop = faults.load("crash_loop")
        injection = loop.at(context, SERVER, {"up_s": 0, "duration_s": 600})
        loop.inject(injection)
        assert not loop.ended(injection)
        until(lambda: len(orders()) >= 3)
        loop.undo(injection)
        assert loop.ended(injection)
        assert loop.took_effect(injection) is heard
        crashes = loop.report(injection)["crashes"]
    assert crashes == (len(orders()) if heard else 0)
    assert all(order == {"duration_s": 600, "crash": True} for order in orders())


@pytest.mark.parametrize("name", ["bad_malformed", "bad_slow_body"])
def test_bad_input_that_nobody_answers_took_no_effect(context: Context, name: str) -> None:
    """No reply is a row of the records, and no sign that anything came anywhere."""
    context = replace(context, target_url="http://127.0.0.1:9")
    fault = faults.load(name)
    injection = fault.at(context, "client", {"connections" if name == "bad_slow_body" else "requests": 3})
    fault.inject(injection)
    until_over(fault, injection)
    fault.undo(injection)
    assert not fault.took_effect(injection)
    assert fault.report(injection)["statuses"].keys() <= {"no reply"}


def test_bad_input_without_a_load_is_not_applicable(context: Context, tmp_path: Path) -> None:
    """It is made from what the load sends."""
    (tmp_path / "bodies.json").unlink()
    malformed = faults.load("bad_malformed")
    assert "there is no load" in malformed.why_not(malformed.at(context, "client"))


def test_bad_input_is_made_for_whatever_the_model_takes(context: Context, tmp_path: Path) -> None:
    """Here of a model with one number and one word."""
    bodies.save(tmp_path, ['{"age": 41.5, "city": "Kyiv"}'])
    poisoned = faults.load("bad_poisoned")
    injection = poisoned.at(context, "client", {"requests": 40, "rate": 200})
    poisoned.inject(injection)
    until_over(poisoned, injection)
    poisoned.undo(injection)
    whats = {row["what"].split(" = ")[0] for row in recorded(context)}
    assert whats == {"age", "city", "a long list", "a huge word", "many fields"}


@pytest.mark.parametrize(
    ("older", "newer"),
    [("errors", "latency"), ("memory", "unready"), ("latency", "memory")],
)
def test_a_fault_does_not_end_the_newer_one_that_took_its_place(
    context: Context, older: str, newer: str
) -> None:
    """Its own end is there already, and stays harmless."""
    old, new = faults.load(older), faults.load(newer)
    first, second = old.at(context, SERVER, small(older)), new.at(context, SERVER, small(newer))
    old.inject(first)
    new.inject(second)
    old.undo(first)
    assert new.took_effect(second)
    new.undo(second)
    assert new.ended(second)
    assert old.ended(first)


def test_a_latency_that_is_random_only_is_in_force_all_the_same(context: Context) -> None:
    """What a field of 0 says is nothing; all of them together are the fault."""
    latency = faults.load("latency")
    injection = latency.at(context, SERVER, {"latency_ms": 0, "jitter_ms": 50})
    latency.inject(injection)
    assert latency.took_effect(injection)
    assert not latency.ended(injection)
    latency.undo(injection)
    assert latency.ended(injection)
