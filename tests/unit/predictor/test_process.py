"""The process: how it starts, stops and crashes."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from unit.paths import PYTHONPATH

from .conftest import PATIENCE_S, Running, environment

Process = subprocess.Popen[str]


def start(environ: dict[str, str]) -> Process:
    return subprocess.Popen(
        [sys.executable, "-W", "error", "-m", "predictor"],
        env={**os.environ, "PYTHONPATH": PYTHONPATH, **environ},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@contextlib.contextmanager
def process(model_path: Path, **settings: object) -> Iterator[tuple[Process, Running]]:
    """Run a predictor as a process of its own, until it is ready."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with start(environment(model_path, port=port, **settings)) as running:
        server = Running(port)
        try:
            deadline = time.monotonic() + PATIENCE_S
            while True:
                with contextlib.suppress(httpx.TransportError):
                    server.until_ready()
                    break
                assert time.monotonic() < deadline, "the predictor did not start"
                assert running.poll() is None, running.communicate()
                time.sleep(0.02)
            yield running, server
        finally:
            server.http.close()
            running.kill()


def test_sigterm_turns_it_unready_serves_on_and_exits_with_success(
    model_path: Path, sample: dict[str, Any]
) -> None:
    """A request waits for a stuck slot when the signal comes; a second signal ends the pause."""
    with process(model_path, drain_s=60, service_ms=1) as (running, server):
        with (
            socket.create_connection(("127.0.0.1", server.port)) as idle,
            httpx.Client(base_url=server.http.base_url, timeout=PATIENCE_S) as other,
        ):
            server.fault(stuck_worker=True, duration_s=600)
            replies: list[httpx.Response] = []
            in_flight = threading.Thread(target=lambda: replies.append(server.predict(sample)))
            in_flight.start()
            until(lambda: _in_progress(other))
            running.send_signal(signal.SIGTERM)
            until(lambda: other.get("/health/ready").json()["reason"] == "predictor-1 is stopping")
            assert other.get("/health/ready").status_code == 503
            other.delete("/faults")
            in_flight.join(PATIENCE_S)
            assert replies[0].status_code == 200
            late = other.post("/predict", json=sample)
            assert (late.status_code, late.headers["connection"]) == (200, "close")
            running.send_signal(signal.SIGTERM)
            assert running.wait(PATIENCE_S) == 0
            assert idle.recv(1) == b""
        output, errors = running.communicate()
        assert errors == ""
        assert [json.loads(line)["status"] for line in output.splitlines()] == [200, 200]


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def _in_progress(client: httpx.Client) -> bool:
    return "predictor_requests_in_progress 1.0" in client.get("/metrics").text


def test_a_stuck_thread_does_not_hold_up_the_exit(model_path: Path) -> None:
    with process(model_path, cost_factor=500, inline_limit_ms=0, drain_s=0) as (running, server):
        server.fault(stuck_worker=True, duration_s=600)
        running.terminate()
        assert running.wait(PATIENCE_S) == 0


def test_told_to_crash_it_ends_at_once_with_70(model_path: Path) -> None:
    with process(model_path) as (running, server):
        assert server.fault(crash=True).status_code == 200
        assert running.wait(PATIENCE_S) == 70


def test_memory_is_allocated_and_given_back(model_path: Path) -> None:
    with process(model_path) as (running, server):
        before_mb = _resident_mb(running.pid)
        server.fault(memory_mb=100)
        assert _resident_mb(running.pid) > before_mb + 90
        server.http.delete("/faults")
        assert _resident_mb(running.pid) < before_mb + 50


def _resident_mb(pid: int) -> float:
    status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    line = next(line for line in status.splitlines() if line.startswith("VmRSS:"))
    return int(line.split()[1]) / 1024


@pytest.mark.parametrize(
    ("environ", "message"),
    [
        (
            {"PREDICTOR_COST_FACTOR": "many"},
            "predictor: PREDICTOR_COST_FACTOR='many': expected a whole number",
        ),
        ({"PREDICTOR_MODEL_PATH": "/nowhere.onnx"}, "predictor: model file /nowhere.onnx: not found"),
    ],
)
def test_what_cannot_be_used_ends_the_start_with_one_line(environ: dict[str, str], message: str) -> None:
    with start(environ) as running:
        output, errors = running.communicate(timeout=PATIENCE_S)
        assert running.returncode == 78
    assert output == ""
    assert errors.startswith(message)
    assert errors.count("\n") == 1


def test_sigterm_during_the_start_ends_it(model_path: Path) -> None:
    """A container's first process ignores SIGTERM by default, and stopping it would take 10 s."""
    with start(environment(model_path)) as running:
        time.sleep(0.1)
        running.terminate()
        assert running.wait(PATIENCE_S) in {0, -signal.SIGTERM}


def test_onnx_runtime_is_told_not_to_call_home() -> None:
    assert os.environ["ORT_DISABLE_TELEMETRY"] == "1"
