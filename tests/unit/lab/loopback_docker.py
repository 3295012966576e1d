"""The few requests that the lab makes of Docker, answered on loopback: containers with a status."""

from __future__ import annotations

import contextlib
import json
import re
import struct
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

AFTER = {"kill": "exited", "pause": "paused", "unpause": "running", "start": "running"}

STARTED = {
    "Image": "sha256:cafe",
    "HostConfig": {"CpuPeriod": 10_000, "CpuQuota": 3_000, "Memory": 268_435_456},
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
    """Containers by name. `deaf_to` names requests that are answered well and have no effect."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.status = {f"lab-predictor-{number}-1": "running" for number in (1, 2, 3)}
        self.log = b""
        self.asked: list[str] = []
        self.deaf_to: frozenset[str] = frozenset()
        self.on_post: Callable[[str, str], None] = lambda _action, _name: None

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
            # One frame of standard output, as Docker multiplexes it for a container without a terminal.
            self._send(200, struct.pack(">BxxxL", 1, len(self.server.log)) + self.server.log)
        elif name in self.server.status:
            self._send(200, {**STARTED, "State": {"Status": self.server.status[name]}})
        elif name in ("lab-haproxy-1", "lab-controller-1"):
            self._send(200, {**STARTED, "State": {"Status": "running"}})
        else:
            self._send(404, {"message": f"No such container: {name}"})

    def do_POST(self) -> None:
        _, _, name, action = re.sub(r"^/v[\d.]+", "", self.path.split("?", 1)[0]).split("/")
        self.server.asked.append(action)
        if name not in self.server.status:
            self._send(404, {"message": f"No such container: {name}"})
            return
        if action not in self.server.deaf_to:
            self.server.status[name] = AFTER[action]
        self.server.on_post(action, name)
        self._send(204, b"")

    def _send(self, status: int, body: object) -> None:
        text = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(text)))
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *_: object) -> None:
        """Say nothing."""
