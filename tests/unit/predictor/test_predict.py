"""/predict over HTTP, on a real server with a real model."""

import json
import re
import socket
import time
from typing import Any

import pytest

from predictor.candidate import SAMPLE

from .conftest import PATIENCE_S, Running, Serve

UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


@pytest.fixture(params=["bare", "emulated", "pooled"])
def server(request: pytest.FixtureRequest) -> Running:
    """Serve inline, by an accelerator, with threads: clients must not see a difference."""
    running: Running = request.getfixturevalue(request.param)
    return running


def raw(server: Running, *parts: bytes, pause_s: float = 0.0) -> bytes:
    """Send bytes as they are, a part at a time.

    Returns all that comes back until the server closes.
    """
    with socket.create_connection(("127.0.0.1", server.port), PATIENCE_S) as connection:
        for part in parts:
            connection.sendall(part)
            time.sleep(pause_s)
        received = b""
        while chunk := connection.recv(65536):
            received += chunk
        return received


def test_a_candidate_gets_one_object(server: Running, sample: dict[str, Any]) -> None:
    reply = server.predict(sample)
    assert reply.status_code == 200
    assert set(reply.json()) == {"Placement_Probability", "Placement"}
    assert reply.json()["Placement"] is (reply.json()["Placement_Probability"] >= 0.5)


def test_a_list_of_one_gets_one_object_as_the_articles_demo_does(
    server: Running, sample: dict[str, Any]
) -> None:
    assert server.predict([sample]).json() == server.predict(sample).json()


def test_a_longer_list_gets_a_list_in_its_order(server: Running, sample: dict[str, Any]) -> None:
    weak = {**sample, "ssc_p": 35, "hsc_p": 35, "degree_p": 40, "workex": "No"}
    answers = server.predict([sample, weak, sample]).json()
    assert [answer["Placement"] for answer in answers] == [True, False, True]
    assert answers[0] == answers[2] == server.predict(sample).json()


def test_get_predicts_for_the_sample_candidate(server: Running, sample: dict[str, Any]) -> None:
    assert server.http.get("/predict").json() == server.predict(sample).json()


@pytest.mark.parametrize(
    ("method", "path", "content", "status"),
    [
        ("GET", "/predict", None, 200),
        ("POST", "/predict", "{", 422),
        ("DELETE", "/predict", None, 405),
        ("POST", "/predict", "x" * 1_048_577, 413),
        ("GET", "/nothing", None, 404),
        ("POST", "/health/live", None, 405),
        ("GET", "/health/live", None, 200),
        ("GET", "/info", None, 200),
        ("PUT", "/faults", "{}", 422),
    ],
)
def test_each_reply_names_its_server_and_its_request(
    server: Running, method: str, path: str, content: str | None, status: int
) -> None:
    reply = server.http.request(method, path, content=content, headers={"X-Request-ID": "client-id_01"})
    assert reply.status_code == status
    assert reply.headers["x-served-by"] == "predictor-1"
    assert reply.headers["x-request-id"] == "client-id_01"
    if status >= 400:
        assert reply.json()["request_id"] == "client-id_01"
        assert re.fullmatch("[a-z_]+", reply.json()["error"])
        assert reply.json()["message"]


@pytest.mark.parametrize("sent", ["short", "a" * 65, "with space here", 'quote"quote"', ""])
def test_a_malformed_request_id_is_replaced(server: Running, sent: str) -> None:
    reply = server.http.get("/predict", headers={"X-Request-ID": sent})
    assert UUID.fullmatch(reply.headers["x-request-id"])


def test_a_bad_request_gets_422_naming_field_value_and_expectation(
    server: Running, sample: dict[str, Any]
) -> None:
    reply = server.predict([{**sample, "ssc_p": float("nan")}], **{"X-Request-ID": "the-request"})
    assert reply.status_code == 422
    body = reply.json()
    assert (body["error"], body["request_id"]) == ("invalid_request", "the-request")
    assert body["details"] == [
        {"field": "[0].ssc_p", "value": "NaN", "expected": "a finite number from 0 to 100"}
    ]


def test_the_answer_to_a_megabyte_of_errors_is_small(server: Running) -> None:
    reply = server.predict([{"x" * 10_000: 1}] * 100)
    assert reply.status_code == 422
    assert len(reply.content) < 16_384


def test_a_list_over_its_limit_is_refused(server: Running, sample: dict[str, Any]) -> None:
    reply = server.predict([sample] * 101)
    assert reply.status_code == 422
    assert reply.json()["details"][0]["value"] == "a list of 101"


def test_a_chunked_body_over_the_limit_is_refused_without_being_read(server: Running) -> None:
    chunk = b"20000\r\n" + b"x" * 0x20000 + b"\r\n"
    head = b"POST /predict HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    with socket.create_connection(("127.0.0.1", server.port), PATIENCE_S) as connection:
        connection.sendall(head)
        for _ in range(8):
            connection.sendall(chunk)
        connection.sendall(b"1\r\nx\r\n")
        assert connection.recv(12) == b"HTTP/1.1 413"


def test_a_body_that_does_not_arrive_ends_by_time_out(serve: Serve) -> None:
    with serve(body_timeout_s=0.1) as server:
        head = b"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n"
        reply = raw(server, head, b"{")
    assert reply.startswith(b"HTTP/1.1 408")
    assert b"did not arrive within 0.1 s" in reply


def test_broken_http_ends_with_400(server: Running) -> None:
    assert raw(server, b"POST /predict HTTP/1.1\r\nContent-Length: many\r\n\r\n").startswith(b"HTTP/1.1 400")


def test_a_connection_that_never_sends_anything_stays_open(serve: Serve) -> None:
    """The controller's tripwire is such a connection; the keep-alive time-out is for used ones."""
    with serve(keepalive_s=1) as server, socket.create_connection(("127.0.0.1", server.port)) as tripwire:
        tripwire.settimeout(1.5)
        with pytest.raises(TimeoutError):
            tripwire.recv(1)


@pytest.mark.parametrize("wait", [{"service_ms": 1}, {"cost_factor": 500, "inline_limit_ms": 0}])
def test_a_request_whose_client_has_gone_is_not_computed(
    serve: Serve, sample: dict[str, Any], wait: dict[str, float]
) -> None:
    """It waits behind a stuck slot, or a stuck thread."""
    with serve(queue_limit_s=60, **wait) as server:
        server.fault(stuck_worker=True, duration_s=600)
        body = json.dumps(sample).encode()
        head = b"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(body)
        with socket.create_connection(("127.0.0.1", server.port)) as connection:
            connection.sendall(head + body)
            while not server.metric("predictor_requests_in_progress"):
                time.sleep(0.005)
        while server.metric("predictor_requests_in_progress"):
            time.sleep(0.005)
        server.http.delete("/faults")
        assert server.predict(sample).status_code == 200
        assert server.metric('predictor_requests_total{status="499"}') == 1
        assert server.metric("predictor_candidates_total") == 1


def test_the_access_log_has_a_json_line_per_prediction(
    serve: Serve, sample: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    with serve(service_ms=1, service_row_ms=0.5) as server:
        before = time.time()
        server.predict([sample, sample], **{"X-Request-ID": "logged-request"})
        server.predict("wrong", **{"X-Request-ID": "refused-request"})
        counted = server.metric("predictor_services_slow_total")
    lines = capsys.readouterr().out.splitlines()
    first, second = [json.loads(line) for line in lines if line.startswith("{")]
    assert before - 1 < first.pop("time") < time.time()
    assert first.pop("inference_ms") > 0
    assert 1 < first.pop("service_ms") <= first.pop("duration_ms") < 1000 * PATIENCE_S
    assert first.pop("slow") is bool(counted)
    assert first == {
        "request_id": "logged-request",
        "server": "predictor-1",
        "method": "POST",
        "path": "/predict",
        "status": 200,
        "queue_ms": 0,
        "planned_ms": 1.5,
        "candidates": 2,
    }
    assert (second["request_id"], second["status"]) == ("refused-request", 422)
    assert (second["planned_ms"], second["service_ms"], second["slow"]) == (0, 0, False)


def test_info_states_how_an_inference_is_served(bare: Running, emulated: Running, pooled: Running) -> None:
    """The capacity is stated where it is emulated; elsewhere it is the machine's."""
    info = bare.http.get("/info").json()
    assert (info["mode"], info["service"]) == ("inline", {"kind": "bare"})
    assert (info["capacity_per_s"], info["services"], info["services_slow"]) == (None, 0, 0)
    assert info["feature_schema"][0] == {"name": "gender", "kind": "category", "values": ["M", "F"]}
    costly = pooled.http.get("/info").json()
    assert (costly["mode"], costly["cost_factor"]) == ("pool", 500)
    assert (costly["service"], costly["capacity_per_s"]) == ({"kind": "cpu"}, None)
    assert costly["inference_ms"] > 100 * info["inference_ms"]
    before = emulated.http.get("/info").json()
    emulated.http.get("/predict")
    after = emulated.http.get("/info").json()
    assert (after["mode"], after["capacity_per_s"]) == ("accelerator", 500)
    assert after["service"] == {
        "kind": "emulated",
        "slots": 1,
        "service_ms": 2,
        "row_ms": 0,
        "cv": 0,
        "seed": "1:predictor-1",
    }
    assert after["services"] == before["services"] + 1 == emulated.metric("predictor_services_total")
    assert after["services_slow"] == emulated.metric("predictor_services_slow_total")


def test_the_document_describes_predict_and_all_other_routes(bare: Running) -> None:
    document = bare.http.get("/openapi.json").json()
    assert {"/predict", "/health/live", "/health/ready", "/metrics", "/info", "/faults"} <= set(
        document["paths"]
    )
    post = document["paths"]["/predict"]["post"]
    assert post["requestBody"]["content"]["application/json"]["example"] == SAMPLE.model_dump()
    assert {"200", "413", "422", "429", "500"} <= set(post["responses"])
    text = json.dumps(document)
    for name in re.findall(r'"#/components/schemas/(\w+)"', text):
        assert name in document["components"]["schemas"]
