"""The few requests that the lab makes of Docker, answered on loopback: containers with a status."""

from __future__ import annotations

import contextlib
import json
import re
import struct
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

AFTER = {
    "kill": "exited",
    "pause": "paused",
    "unpause": "running",
    "start": "running",
    "restart": "running",
    "exit": "exited",
    "crash": "restarting",
}
"""The status after what was asked for, or after what a process did by itself."""
NEVER = "0001-01-01T00:00:00Z"

HOST = {"CpuPeriod": 10_000, "CpuQuota": 3_000, "Memory": 268_435_456}
STARTED = {
    "Image": "sha256:cafe",
    "HostConfig": HOST,
    "Config": {
        "Tty": False,
        "Env": [
            "PATH=/usr/bin",
            "HOME=/",
            "HTTPS_PROXY=user:secret@proxy:3128",
            "no_proxy=localhost",
            "PREDICTOR_COST_FACTOR=300",
            "BACKENDS=a=b\nc",
            "EMPTY=",
        ],
    },
}
"""How each container was started, in Docker's words."""


class LoopbackDocker(ThreadingHTTPServer):
    """Containers by name. `deaf_to` names requests that are answered well and have no effect.

    A request takes `took_s`, and waits until `answers` is set; with `drains` a process that is sent
    SIGTERM goes on until it is said to exit. `refuses` names requests that are refused, each with
    what happens then.
    """

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.status: dict[str, str] = {}
        self.started: dict[str, str] = {}
        self.finished: dict[str, str] = {}
        self.networks: dict[str, set[str]] = {}
        self.aliases: dict[str, list[str]] = {}
        self.cpu: dict[str, dict[str, int]] = {}
        for number in (1, 2, 3):
            self.add(f"lab-predictor-{number}-1")
        self.refuses: dict[str, Callable[[], object]] = {}
        self.took_s = 0.0
        self.answers = threading.Event()
        self.answers.set()
        self.drains = False
        self.log = b""
        self.log_of: Callable[[str], bytes] = lambda _name: self.log
        self.asked: list[str] = []
        self.deaf_to: frozenset[str] = frozenset()
        self.on_post: Callable[[str, str], None] = lambda _action, _name: None

    def add(self, name: str) -> None:
        """Have one container more, which runs."""
        self.status[name], self.started[name] = "running", "2025-01-31T10:20:30.123456789Z"
        self.finished[name] = NEVER
        self.networks[name] = {"lab_serving"}
        self.cpu[name] = {"CpuPeriod": 10_000, "CpuQuota": 3_000}

    def happened(self, action: str, name: str) -> None:
        """Do to a container what an action does; times are Docker's."""
        seconds, ns = divmod(time.time_ns(), 10**9)  # of one reading, or a second's end would go back
        now = f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(seconds))}.{ns:09d}Z"
        if action in ("kill", "restart", "exit", "crash"):
            self.finished[name] = now
        if action in ("start", "restart") and (action == "restart" or self.status[name] != "running"):
            self.started[name] = now
        self.status[name] = AFTER[action]

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self.server_address[1]}"


@contextlib.contextmanager
def docker() -> Iterator[LoopbackDocker]:
    """Run one for the length of a block."""
    with LoopbackDocker() as made:
        thread = threading.Thread(target=made.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield made
        finally:
            made.shutdown()
            thread.join()


class _Handler(BaseHTTPRequestHandler):
    server: LoopbackDocker

    def do_GET(self) -> None:
        path = re.sub(r"^/v[\d.]+", "", self.path.split("?", 1)[0])
        if path == "/version":
            self._send(200, {"Version": "28.1", "ApiVersion": "1.45", "MinAPIVersion": "1.24"})
            return
        name = path.split("/")[2]
        if path.endswith("/logs"):
            # One frame of standard output, as Docker multiplexes it for a container without a
            # terminal.
            log = self.server.log_of(name)
            self._send(200, struct.pack(">BxxxL", 1, len(log)) + log)
        elif name in self.server.status:
            self._send(200, self._inspected(name))
        elif name in ("lab-haproxy-1", "lab-controller-1"):
            self._send(200, {**STARTED, "State": {"Status": "running"}})
        else:
            self._send(404, {"message": f"No such container: {name}"})

    def do_POST(self) -> None:
        _, kind, name, action = re.sub(r"^/v[\d.]+", "", self.path.split("?", 1)[0]).split("/")
        length = int(self.headers.get("Content-Length") or 0)
        body = json.loads(self.rfile.read(length) or b"null")
        self.server.asked.append(action)
        if action in self.server.refuses:
            self.server.refuses[action]()
            self._send(409, {"message": f"Conflict: {action}"})
            return
        if kind == "networks":
            self._network(action, name, body)
            return
        if name not in self.server.status:
            self._send(404, {"message": f"No such container: {name}"})
            return
        time.sleep(self.server.took_s)
        self.server.answers.wait()
        if action in self.server.deaf_to:
            pass
        elif action == "update":
            self.server.cpu[name] = body
        elif not (action == "kill" and "signal=TERM" in self.path and self.server.drains):
            self.server.happened(action, name)
        self.server.on_post(action, name)
        self._send(200 if action == "update" else 204, {} if action == "update" else b"")

    def _network(self, action: str, network: str, body: dict[str, Any]) -> None:
        connected = self.server.networks[body["Container"]]
        if action in self.server.deaf_to:
            pass
        elif action == "disconnect":
            connected.discard(network)
        else:
            connected.add(network)
            self.server.aliases[body["Container"]] = body["EndpointConfig"]["Aliases"]
        self.server.on_post(action, body["Container"])
        self._send(200, b"")

    def _inspected(self, name: str) -> dict[str, Any]:
        server = self.server
        return {
            **STARTED,
            "HostConfig": {**HOST, **server.cpu[name]},
            "State": {
                "Status": server.status[name],
                "StartedAt": server.started[name],
                "FinishedAt": server.finished[name],
            },
            "NetworkSettings": {"Networks": {network: {} for network in server.networks[name]}},
        }

    def _send(self, status: int, body: object) -> None:
        text = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(text)))
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *_: object) -> None:
        """Log nothing."""
