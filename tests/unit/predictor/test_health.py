"""Readiness and faults: a predictor that misbehaves says so, and recovers by itself."""

from typing import Any

import pytest

from .conftest import PATIENCE_S, Running, Serve


@pytest.fixture(params=["bare", "emulated", "pooled"])
def server(request: pytest.FixtureRequest) -> Running:
    """Serve inline, by an accelerator, with threads; each test ends its own faults."""
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


def test_a_stuck_thread_is_named(serve: Serve) -> None:
    with serve(cost_factor=500, inline_limit_ms=0, golden_grace_s=0.3) as server:
        server.fault(stuck_worker=True)
        reason = server.until_ready(ready=False)
        assert "an inference thread is stuck" in reason or "the golden inputs got no answer" in reason
        server.http.delete("/faults")
        server.until_ready()


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
