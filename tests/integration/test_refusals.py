"""HAProxy says which of its own answers are refusals on purpose.

The real HAProxy and its configuration.

Its servers are scripted ones, so that each way in which a request can end is brought about, not
hoped for.
"""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread
from typing import Any

import httpx
import pytest

from driver import HAPROXY_IMAGE, PORT, PROJECT, compose, docker, eventually
from hadr.contract import REFUSED_BY
from lab.records import classes

pytestmark = pytest.mark.integration
NAME = f"{PROJECT}-refusals"
URL = f"http://127.0.0.1:{PORT}/predict"


class Server(ThreadingHTTPServer):
    """A server for HAProxy.

    `released` unset, it keeps its replies back; `dying`, it closes instead.
    """

    daemon_threads = True

    def __init__(self, address: str) -> None:
        self.released, self.dying, self.status, self.healthy, self.keeps = Event(), False, 200, True, True
        self.released.set()
        super().__init__((address, 0), _Handler)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Server

    def do_GET(self) -> None:
        """Answer a check always, a request as the test wants it."""
        status = 200 if self.server.healthy else 503
        if not self.path.startswith("/health"):
            self.server.released.wait(20)
            if self.server.dying:
                self.close_connection = True
                self.connection.close()
                return
            status = self.server.status
        self.send_response(status)
        # A server may say what it likes: only HAProxy speaks for HAProxy.
        for name, value in (("X-Served-By", "predictor-1"), (REFUSED_BY, "me")):
            self.send_header(name, value)
        self.send_header("Content-Length", "2")
        if not self.server.keeps:
            self.send_header("Connection", "close")
        self.end_headers()
        with contextlib.suppress(ConnectionError):
            self.wfile.write(b"{}")

    def log_message(self, *_: Any) -> None:
        """Log nothing."""


@pytest.fixture(scope="module")
def free_port() -> None:
    """No lab of another test holds the port."""
    compose("--profile tools down --volumes --remove-orphans", "single")


@pytest.fixture
def server(free_port: None) -> Iterator[Server]:
    """One server of one request at a time behind the real HAProxy, healthy."""
    gateway = docker("network", "inspect", "bridge", "--format", "{{(index .IPAM.Config 0).Gateway}}").strip()
    server = Server(gateway)
    Thread(target=server.serve_forever, daemon=True).start()
    line = f"server predictor-1 {gateway}:{server.server_port} check weight 100 maxconn 1"
    values = {
        "TOPOLOGY_SERVERS": f"    {line}",
        "TOPOLOGY": "refusals",
        "BALANCE": "leastconn",
        "MAX_BODY_BYTES": "1048576",
        "QUEUE_LIMIT": "2",
        "QUEUE_TIMEOUT": "600ms",
        "SERVER_TIMEOUT": "5s",
    }
    given = [word for key, value in values.items() for word in ("--env", f"{key}={value}")]
    docker("rm", "--force", NAME, check=False)
    publish = ("--publish", f"127.0.0.1:{PORT}:8000", "--volume", "/run/haproxy", "--user", "0")
    try:
        docker("run", "--detach", "--name", NAME, *publish, *given, HAPROXY_IMAGE, "balancer")
        eventually(_served, 20, "HAProxy and its server")
        yield server
    finally:
        docker("rm", "--force", NAME, check=False)
        server.released.set()
        server.shutdown()
        server.server_close()


def _served() -> bool:
    with contextlib.suppress(httpx.HTTPError):
        return httpx.get(URL).status_code == 200
    return False


def ask(request_id: str = "asked-by-a-test") -> httpx.Response:
    """Send a request on a connection of its own."""
    return httpx.get(URL, headers={"X-Request-ID": request_id}, timeout=20)


def seen(reply: httpx.Response) -> str:
    """Return the kind of failure that a client sees."""
    return classes.classify(
        reply.status_code,
        refused_by=reply.headers.get(REFUSED_BY, ""),
        sound=True,
        latency_ms=1,
        limit_ms=1000,
    )


def logged(request_id: str) -> str:
    """Return a request's termination state in HAProxy's log: by it the ledger classifies."""

    def line() -> Any:
        lines = (json.loads(each) for each in docker("logs", NAME).splitlines() if each.startswith("{"))
        return next((each for each in lines if each["id"] == request_id), None)

    return str(eventually(line, 10, "HAProxy's line")["termination_state"])


def test_a_prediction_is_no_refusal_whatever_the_server_says(server: Server) -> None:
    reply = ask()
    assert REFUSED_BY not in reply.headers
    assert (seen(reply), logged("asked-by-a-test")) == ("none", "--")


def test_a_full_queue_and_a_time_out_in_it_are_refusals(server: Server) -> None:
    """A request is at the server, two wait until time is up, the next meets a full queue."""
    server.released.clear()
    with ThreadPoolExecutor() as pool:
        asked = []
        for number in range(3):
            asked.append(pool.submit(ask, f"request-{number}"))
            time.sleep(0.1)
        full = ask("finds-it-full")
        waited = [each.result() for each in asked[1:]]
        server.released.set()
        assert asked[0].result().status_code == 200
    assert full.headers[REFUSED_BY] == "haproxy"
    assert (full.status_code, seen(full), logged("finds-it-full")) == (429, "refused", "LR")
    for number, reply in enumerate(waited, 1):
        assert reply.headers[REFUSED_BY] == "haproxy"
        assert (reply.status_code, seen(reply)) == (503, "refused")
        assert logged(f"request-{number}") == "sQ"


def test_no_server_left_is_a_loss(server: Server) -> None:
    server.healthy = False
    eventually(lambda: ask().status_code == 503, 20, "the server marked down")
    reply = ask("finds-no-server")
    assert reply.headers["X-Served-By"] == "haproxy"
    assert REFUSED_BY not in reply.headers
    assert (seen(reply), logged("finds-no-server")) == ("error", "SC")


@pytest.mark.parametrize("status", [500, 503])
def test_a_server_that_answers_an_error_at_every_try_is_a_loss(server: Server, status: int) -> None:
    server.status = status
    reply = ask("fails-each-time")
    assert REFUSED_BY not in reply.headers
    assert (reply.status_code, seen(reply), logged("fails-each-time")) == (status, "error", "--")


def test_a_server_that_dies_at_every_try_is_a_loss(server: Server) -> None:
    server.keeps = False
    ask()  # and no connection to the server is left for the next one
    server.dying = True
    reply = ask("dies-each-time")
    assert REFUSED_BY not in reply.headers
    assert (reply.status_code, seen(reply), logged("dies-each-time")) == (502, "error", "SH")


def test_a_loss_on_a_connection_used_before_has_no_reply_and_no_line(server: Server) -> None:
    """HAProxy leaves it to the client to try again: a missing line is no proof."""
    server.dying = True
    with pytest.raises(httpx.RemoteProtocolError):
        ask("dies-each-time")
    server.dying = False
    ask("comes-after-it")
    logged("comes-after-it")
    assert "dies-each-time" not in docker("logs", NAME)
