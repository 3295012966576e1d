"""Readiness and faults: a predictor that misbehaves says so, and recovers by itself."""

import concurrent.futures
import time
from typing import Any

import pytest

from .conftest import PATIENCE_S, Running, Serve


@pytest.fixture(params=["bare", "pooled"])
def server(request: pytest.FixtureRequest) -> Running:
    """Serve inline, then with threads; each test ends its own faults."""
    running: Running = request.getfixturevalue(request.param)
    running.http.delete("/faults")
    running.until_ready()
    return running


def test_ready_means_that_the_golden_inputs_were_answered(server: Running) -> None:
    assert server.readiness() == (200, "8 golden inputs were answered as expected")
    assert server.metric("predictor_ready") == 1


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        ({"unready": True}, "predictor-1 was told to be unready"),
        ({"wrong_rate": 1}, "the model answers wrong"),
        ({"nan_rate": 1}, "the model answered nan where a probability from 0 to 1 was due"),
        ({"stuck_worker": True}, ""),
    ],
)
def test_a_fault_makes_it_unready_and_its_end_ready_again(
    server: Running, fault: dict[str, object], reason: str
) -> None:
    server.fault(**fault)
    assert reason in server.until_ready(ready=False)
    assert server.metric("predictor_ready") == 0
    assert server.http.get("/health/live").status_code == 200
    server.http.delete("/faults")
    server.until_ready()


def test_a_stuck_thread_is_named(pooled: Running) -> None:
    pooled.fault(stuck_worker=True)
    reason = pooled.until_ready(ready=False)
    assert "an inference thread is stuck" in reason or "the golden inputs got no answer within" in reason
    pooled.http.delete("/faults")
    pooled.until_ready()


def test_a_fault_ends_by_itself(server: Running) -> None:
    started = time.monotonic()
    server.fault(unready=True, stuck_worker=True, memory_mb=8, duration_s=1.5)
    server.until_ready(ready=False)
    server.until_ready()
    assert time.monotonic() - started >= 1.5
    report = server.http.get("/faults").json()
    assert (report["active"], report["remaining_s"], report["memory_mb"]) == (False, 0, 0)


def test_a_newer_fault_is_not_ended_by_the_older_ones_time(bare: Running) -> None:
    bare.fault(unready=True, duration_s=0.1)
    bare.fault(unready=True, duration_s=10)
    time.sleep(0.2)
    assert bare.http.get("/faults").json()["remaining_s"] > 5
    assert bare.readiness()[0] == 503
    bare.http.delete("/faults")


def test_overload_is_not_failure(serve: Serve, sample: dict[str, Any]) -> None:
    """Far more waits for the thread than the grace allows; it stays ready, and refuses the rest."""
    with serve(cost_factor=5_000, inline_limit_ms=0, queue_limit_s=60, golden_grace_s=0.2) as server:
        end = time.monotonic() + 1.5
        statuses: set[int] = set()

        def client() -> None:
            while time.monotonic() < end:
                status = server.predict([sample] * 10).status_code
                statuses.add(status)
                if status != 200:
                    time.sleep(0.01)  # the server shares this process

        with concurrent.futures.ThreadPoolExecutor(24) as threads:
            clients = [threads.submit(client) for _ in range(24)]
            readiness = set()
            while time.monotonic() < end:
                readiness.add(server.readiness())
                time.sleep(0.02)
            for done in clients:
                done.result()
        assert {status for status, _ in readiness} == {200}, readiness
        assert statuses == {200, 429}


def test_told_to_fail_it_fails_at_the_given_rate(server: Running, sample: dict[str, Any]) -> None:
    server.fault(error_rate=0.5)
    statuses = [server.predict(sample).status_code for _ in range(60)]
    server.http.delete("/faults")
    assert set(statuses) == {200, 500}
    assert server.predict(sample).status_code == 200


def test_nan_never_reaches_a_client(server: Running, sample: dict[str, Any]) -> None:
    server.fault(nan_rate=1)
    reply = server.predict(sample)
    server.http.delete("/faults")
    assert (reply.status_code, reply.json()["error"]) == (500, "bad_answer")


def test_wrong_answers_reach_the_client(server: Running, sample: dict[str, Any]) -> None:
    right = server.predict(sample).json()["Placement_Probability"]
    server.fault(wrong_rate=1)
    wrong = server.predict(sample).json()["Placement_Probability"]
    server.http.delete("/faults")
    assert wrong == pytest.approx(1 - right, abs=1e-3)


def test_latency_is_added_to_each_prediction(server: Running, sample: dict[str, Any]) -> None:
    server.fault(latency_ms=150, latency_jitter_ms=50)
    took_s = server.predict(sample).elapsed.total_seconds()
    server.http.delete("/faults")
    assert 0.15 <= took_s < PATIENCE_S


def test_a_claimed_version_is_shown(server: Running) -> None:
    real = server.http.get("/predict").headers["x-model-version"]
    assert real == server.http.get("/info").json()["model_version"]
    server.fault(model_version="0.9.0")
    assert server.http.get("/predict").headers["x-model-version"] == "0.9.0"
    assert server.http.get("/info").json()["model_version"] == "0.9.0"
    server.http.delete("/faults")
    assert server.http.get("/predict").headers["x-model-version"] == real


@pytest.mark.parametrize(
    ("fault", "field"),
    [
        ({}, "duration_s"),
        ({"duration_s": 0}, "duration_s"),
        ({"duration_s": 601}, "duration_s"),
        ({"duration_s": 1, "error_rate": 1.5}, "error_rate"),
        ({"duration_s": 1, "unready": "yes"}, "unready"),
        ({"duration_s": 1, "explode": True}, "explode"),
    ],
)
def test_a_fault_that_makes_no_sense_is_refused(bare: Running, fault: dict[str, object], field: str) -> None:
    reply = bare.http.put("/faults", json=fault)
    assert reply.status_code == 422
    assert [detail["field"] for detail in reply.json()["details"]] == [field]
    assert bare.http.get("/faults").json()["active"] is False


def test_without_the_setting_there_are_no_faults(serve: Serve) -> None:
    with serve(faults=0) as server:
        assert server.http.get("/faults").status_code == 404
        assert server.fault(unready=True).status_code == 404
        assert server.readiness()[0] == 200
