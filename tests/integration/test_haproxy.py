"""Each property of haproxy.cfg that the lab relies on.

Real HAProxy, real predictors, no controller.
"""

from __future__ import annotations

import contextlib
import json
import re
import socket
import time
import uuid
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from driver import (
    PORT,
    PUBLIC,
    SAMPLE,
    STATS,
    compose,
    container,
    docker,
    eventually,
    haproxy_log,
    inside,
    kill,
    load,
    stats,
)

pytestmark = [
    pytest.mark.integration,
    pytest.mark.usefixtures("all_up"),
]
MAX_BODY_BYTES = 1_048_576


def raw(payload: bytes, wait_s: float = 12) -> bytes:
    """Whatever HAProxy answers to these bytes on a connection of their own."""
    with socket.create_connection(("127.0.0.1", PORT), timeout=wait_s) as connection:
        # HAProxy may close before it has taken all of an oversized body; its answer is still to be
        # read.
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            connection.sendall(payload)
        received = b""
        with contextlib.suppress(TimeoutError, ConnectionResetError):
            while chunk := connection.recv(65536):
                received += chunk
                if re.match(rb"HTTP/1.1 \d+", received) and b"}" in received:
                    break
    return received


def predictor_logs(request_id: str) -> str:
    """The log lines of all predictors that name a request."""
    names = ("predictor-1", "predictor-2", "predictor-3")
    lines = [line for name in names for line in docker("logs", container(name)).splitlines()]
    return "\n".join(line for line in lines if request_id in line)


def test_a_reply_names_its_server_and_its_request() -> None:
    request_id = uuid.uuid4().hex
    since_s = time.time()
    reply = httpx.post(f"{PUBLIC}/predict", json=SAMPLE, headers={"X-Request-ID": request_id})
    assert reply.status_code == 200
    assert set(reply.json()) == {"Placement_Probability", "Placement"}
    assert reply.headers["X-Request-ID"] == request_id
    name = reply.headers["X-Served-By"]
    assert name in {"predictor-1", "predictor-2"}, "the parked standby gets no request"
    record = eventually(lambda: [r for r in haproxy_log(since_s) if r["id"] == request_id])[0]
    assert (record["status"], record["server"], record["termination_state"]) == (200, name, "--")
    logged = json.loads(eventually(lambda: predictor_logs(request_id)))
    assert (logged["server"], logged["status"]) == (name, 200)


@pytest.mark.parametrize("request_id", ["short", "x" * 65, "has space in it", 'quote"s-and-more'])
def test_a_request_id_that_could_do_harm_is_replaced(request_id: str) -> None:
    reply = httpx.get(f"{PUBLIC}/predict", headers={"X-Request-ID": request_id})
    assert re.fullmatch(r"[0-9a-f-]{36}", reply.headers["X-Request-ID"])


@pytest.mark.parametrize(
    "path", ["/metrics", "/faults", "/info", "/%66aults", "/predict/../faults", "//faults", "/"]
)
def test_only_public_paths_reach_a_predictor(path: str) -> None:
    answer = raw(f"GET {path} HTTP/1.1\r\nHost: lab\r\n\r\n".encode())
    assert answer.startswith(b"HTTP/1.1 404"), answer
    assert b"x-served-by: haproxy" in answer.lower()


def test_a_body_over_the_limit_is_refused_before_a_predictor_hears_of_it() -> None:
    request_id = uuid.uuid4().hex
    body = b"x" * (MAX_BODY_BYTES + 1)
    head = f"POST /predict HTTP/1.1\r\nHost: lab\r\nX-Request-ID: {request_id}\r\n".encode()
    with_length = raw(head + b"Content-Length: %d\r\n\r\n" % len(body) + body)
    chunked = raw(head + b"Transfer-Encoding: chunked\r\n\r\n%x\r\n" % len(body) + body + b"\r\n0\r\n\r\n")
    for answer in (with_length, chunked):
        assert answer.startswith(b"HTTP/1.1 413"), answer[:200]
        assert b'"error":"too_large"' in answer
    assert predictor_logs(request_id) == ""


def test_a_body_just_under_the_limit_arrives_chunked_and_whole() -> None:
    many = [SAMPLE] * 64
    body = json.dumps(many).encode()
    body += b" " * (MAX_BODY_BYTES - 1024 - len(body))
    reply = httpx.post(
        f"{PUBLIC}/predict",
        content=iter([body]),
        headers={"Content-Type": "application/json"},
    )
    assert reply.status_code == 200
    assert len(reply.json()) == len(many)


def test_a_body_that_never_comes_ends_by_time_out_and_reaches_no_predictor() -> None:
    request_id = uuid.uuid4().hex
    head = f"POST /predict HTTP/1.1\r\nHost: lab\r\nX-Request-ID: {request_id}\r\nContent-Length: 100\r\n\r\n"
    answer = raw(head.encode() + b"{")
    assert answer.startswith(b"HTTP/1.1 408"), answer
    assert predictor_logs(request_id) == ""


def test_a_broken_request_is_answered_with_400() -> None:
    assert raw(b"\x00\x01nonsense\r\n\r\n").startswith(b"HTTP/1.1 400")


def test_a_killed_server_costs_retries_and_no_request() -> None:
    since_s = time.time()
    with load(40) as outcome:
        time.sleep(1)
        kill("predictor-1")
        time.sleep(2)
    assert outcome.failed == []
    assert len(outcome.outcomes) > 80
    # Whether or not a request was in flight on it: those that come next are refused there, and
    # retried.
    records = haproxy_log(since_s)
    assert any(int(str(r["retries"]).lstrip("+")) > 0 for r in records), "no request was retried"
    assert {r["status"] for r in records} == {200}


def test_a_hung_server_loses_no_request() -> None:
    with load(30) as outcome:
        time.sleep(1)
        docker("pause", container("predictor-2"))
        try:
            time.sleep(3)
        finally:
            docker("unpause", container("predictor-2"))
    assert outcome.failed == []


def test_a_large_request_in_flight_on_a_killed_server_is_retried_too() -> None:
    """A body that fills most of the limit (by white space) still fits the buffer."""
    padded = json.dumps([SAMPLE] * 4) + " " * 700_000
    inside("predictor-1", "PUT", "/faults", {"latency_ms": 400, "duration_s": 10})
    inside("predictor-2", "PUT", "/faults", {"latency_ms": 400, "duration_s": 10})
    with httpx.Client(timeout=10) as client, contextlib.ExitStack() as stack:
        pool = stack.enter_context(ThreadPoolExecutor(4))
        headers = {"Content-Type": "application/json"}
        replies = [
            pool.submit(client.post, f"{PUBLIC}/predict", content=padded, headers=headers) for _ in range(4)
        ]
        time.sleep(0.1)
        kill("predictor-1")
        assert [reply.result().status_code for reply in replies] == [200] * 4
        assert {reply.result().headers["X-Served-By"] for reply in replies} == {"predictor-2"}


def test_the_parked_standby_is_checked_all_the_time() -> None:
    parked = stats()["predictors/predictor-3"]
    assert (parked["weight"], parked["check_status"]) == ("0", "L7OK")
    inside("predictor-3", "PUT", "/faults", {"unready": True, "duration_s": 30})
    eventually(lambda: stats()["predictors/predictor-3"]["status"].startswith("DOWN"), 5)
    inside("predictor-3", "DELETE", "/faults")
    eventually(lambda: stats()["predictors/predictor-3"]["status"] == "UP", 5)


def test_without_a_controller_traffic_falls_back_to_the_standby() -> None:
    kill("predictor-1", "predictor-2")
    eventually(lambda: stats()["predictors/BACKEND"]["status"] == "DOWN", 5)
    with load(20) as outcome:
        time.sleep(1.5)
    assert outcome.failed == []
    assert {name for _, _, name, _ in outcome.outcomes} == {"predictor-3"}


def test_a_restarted_server_is_found_at_its_new_address() -> None:
    kill("predictor-1", "predictor-2")
    compose("start predictor-2", "2-active")
    compose("start predictor-1", "2-active")
    eventually(lambda: stats()["predictors/predictor-1"]["status"] == "UP", 20)
    with load(20) as outcome:
        time.sleep(1)
    assert outcome.failed == []
    assert "predictor-1" in {name for _, _, name, _ in outcome.outcomes}


def test_overload_refuses_fast_and_marks_no_server_down() -> None:
    before = stats()
    with load(220) as outcome:
        time.sleep(5)
    after = stats()
    for name in ("predictors/predictor-1", "predictors/predictor-2"):
        assert after[name]["chkdown"] == before[name]["chkdown"], f"{name} was marked down by overload"
    refused = [o for o in outcome.outcomes if o[0] in {429, 503}]
    assert refused, "220 requests/s were meant to be an overload"
    assert len(refused) == len(outcome.failed), "under overload there are refusals, and no other failure"
    assert outcome.count(200) > 100


def test_a_refusal_says_when_to_come_back() -> None:
    with load(220):
        time.sleep(2)
        reply = next(r for _ in range(100) if (r := httpx.get(f"{PUBLIC}/predict")).status_code in {429, 503})
    assert reply.headers["Retry-After"] == "1"
    assert reply.headers["X-Served-By"]
    assert reply.json()["error"] in {"overloaded", "unavailable"}


def test_too_many_requests_are_no_failure_of_a_server() -> None:
    """With a limit of one, predictors answer 429 to most of a burst, and stay in rotation."""
    compose(
        "up -d --no-build predictor-1 predictor-2", "2-active", PREDICTOR_CONCURRENCY_LIMIT="1", SLOTS="1"
    )
    eventually(lambda: all(stats()[f"predictors/predictor-{n}"]["status"] == "UP" for n in (1, 2)), 30)
    before = stats()
    with load(150) as outcome:
        time.sleep(3)
    after = stats()
    compose("up -d --no-build predictor-1 predictor-2", "2-active")
    assert outcome.count(429) > 50
    for name in ("predictors/predictor-1", "predictors/predictor-2"):
        assert after[name]["chkdown"] == before[name]["chkdown"]
        assert after[name]["status"] == "UP"


def test_a_server_that_answers_errors_is_retried_and_taken_out() -> None:
    """Its health check passes, so only the traffic can tell.

    Ten errors between two checks, 250 ms apart.
    """
    before = stats()["predictors/predictor-1"]["chkdown"]
    inside("predictor-1", "PUT", "/faults", {"error_rate": 1.0, "duration_s": 20})
    with load(40) as outcome:
        eventually(lambda: stats()["predictors/predictor-1"]["chkdown"] != before, 10)
    inside("predictor-1", "DELETE", "/faults")
    assert outcome.failed == []


def test_the_stats_page_and_the_metrics_are_there() -> None:
    page = httpx.get(f"{STATS}/")
    assert page.status_code == 200
    assert "topology 2-active" in page.text
    assert "predictor-3" in page.text
    assert "haproxy_server_status" in httpx.get(f"{STATS}/metrics").text
