"""A real model, trained once per run by the real training script, and real servers on loopback."""

import asyncio
import contextlib
import json
import os
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from predictor.__main__ import DrainingServer, make_server
from predictor.candidate import SAMPLE
from predictor.settings import Settings
from unit.trained import model_file

# Waiting times are for machines that are busy; a slower one sets this.
PATIENCE_S = 10 * float(os.environ.get("HADR_TEST_TIME_SCALE", "1"))

Serve = Callable[..., "contextlib.AbstractContextManager[Running]"]


def environment(model_path: Path, **settings: object) -> dict[str, str]:
    """Return the environment of a predictor under test: the bare model, open to faults."""
    values = {
        "name": "predictor-1",
        "host": "127.0.0.1",
        "model_path": model_path,
        "service_ms": 0,
        "golden_interval_s": 0.05,
        "golden_grace_s": 5,  # a machine that is busy for a moment makes nothing unready
        "drain_s": 0.2,
        "faults": 1,
        **settings,
    }
    return {f"PREDICTOR_{key.upper()}": str(value) for key, value in values.items()}


class Running:
    """A predictor that serves on loopback, and a client for it."""

    def __init__(self, port: int) -> None:
        self.port = port
        limits = httpx.Limits(max_connections=None)
        self.http = httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=PATIENCE_S, limits=limits)

    def predict(self, content: object, **headers: str) -> httpx.Response:
        """POST `content` as JSON, NaN and Infinity as Python writes them."""
        return self.http.post("/predict", content=json.dumps(content), headers=headers)

    def fault(self, **fault: object) -> httpx.Response:
        """Tell the predictor to misbehave, for ten seconds if nothing else is said."""
        return self.http.put("/faults", json={"duration_s": 10, **fault})

    def readiness(self) -> tuple[int, str]:
        """Return the status of /health/ready and its reason."""
        reply = self.http.get("/health/ready")
        return reply.status_code, reply.json()["reason"]

    def until_ready(self, *, ready: bool = True) -> str:
        """Poll until the predictor is ready (or unready).

        Returns the reason, fails after PATIENCE_S.
        """
        deadline = time.monotonic() + PATIENCE_S
        status, reason = self.readiness()
        while (status == 200) is not ready:
            assert time.monotonic() < deadline, f"still {status}: {reason}"
            time.sleep(0.01)
            status, reason = self.readiness()
        return reason

    def metric(self, name: str) -> float:
        """Return one metric's value by its name and labels."""
        for line in self.http.get("/metrics").text.splitlines():
            if line.startswith(name + " "):
                return float(line.rsplit(" ", 1)[1])
        raise AssertionError(f"no metric {name}")


@pytest.fixture(scope="session")
def model_path() -> Path:
    """Return a small model, made as the image's build makes the large one."""
    return model_file()


@contextlib.contextmanager
def _serving(environ: dict[str, str]) -> Iterator[Running]:
    """Run a server in a thread of this process; stop it as a signal would."""
    server: DrainingServer = make_server(Settings.load({**environ, "PREDICTOR_PORT": "0"}))
    loop_factory = server.config.get_loop_factory()

    def run() -> None:
        with asyncio.Runner(loop_factory=loop_factory) as runner:
            runner.run(server.serve())

    thread = threading.Thread(target=run)
    thread.start()
    try:
        deadline = time.monotonic() + PATIENCE_S
        while not server.started:
            assert thread.is_alive(), "the server ended while starting"
            assert time.monotonic() < deadline, "the server did not start"
            time.sleep(0.005)
        running = Running(server.servers[0].sockets[0].getsockname()[1])
        with running.http:
            running.until_ready()
            yield running
    finally:
        server.should_exit = True
        thread.join()


@pytest.fixture(scope="session")
def serve(model_path: Path) -> Serve:
    """Return a context manager that serves with the given settings."""

    def start(**settings: object) -> contextlib.AbstractContextManager[Running]:
        return _serving(environment(model_path, **settings))

    return start


@pytest.fixture(scope="session")
def bare(serve: Serve) -> Iterator[Running]:
    """Serve the bare model: inference on the event loop."""
    with serve() as running:
        yield running


@pytest.fixture(scope="session")
def emulated(serve: Serve) -> Iterator[Running]:
    """Serve with an emulated accelerator."""
    with serve(service_ms=2, service_row_ms=0) as running:
        yield running


@pytest.fixture(scope="session")
def pooled(serve: Serve) -> Iterator[Running]:
    """Serve with inference in a thread, some milliseconds long."""
    with serve(cost_factor=500, inline_limit_ms=0) as running:
        yield running


@pytest.fixture
def sample() -> dict[str, Any]:
    """Return the sample candidate as a client sends it."""
    return SAMPLE.model_dump()
