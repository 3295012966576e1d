"""A controller on loopback that speaks the real one's interface.

/state and /journal, followed too.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

from lab.parts.controller import Entry, State


class LoopbackController:
    """Serves the state and the entries that it holds; `stop` cuts the streams, as a crash does."""

    def __init__(self, state: State, port: int = 0) -> None:
        self.state = state
        self.entries: list[Entry] = []
        self.asked_unsteady = threading.Event()
        """Whether anybody was told a state that is not steady."""
        self.news = threading.Condition()
        self.stopping = False
        self._server = _Server(self, port)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})
        self._thread.start()

    @property
    def port(self) -> int:
        """The port that it listens on."""
        return int(self._server.server_address[1])

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self.port}"

    def write(self, *entries: Entry) -> None:
        """Add entries; whoever follows gets them at once."""
        with self.news:
            self.entries.extend(entries)
            self.news.notify_all()

    def lines(self, after: int) -> tuple[int, bytes]:
        """Return the entries after a number as lines, and the last one's number."""
        found = [entry for entry in self.entries if entry.seq > after]
        last = found[-1].seq if found else after
        return last, b"".join(json.dumps(entry.raw).encode() + b"\n" for entry in found)

    def stop(self) -> None:
        """End it and every stream."""
        with self.news:
            self.stopping = True
            self.news.notify_all()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


@contextlib.contextmanager
def controller(state: State, port: int = 0) -> Iterator[LoopbackController]:
    """Run one for the length of a block."""
    made = LoopbackController(state, port)
    try:
        yield made
    finally:
        if not made.stopping:
            made.stop()


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, owner: LoopbackController, port: int) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self.owner = owner


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    def do_GET(self) -> None:
        owner = self.server.owner
        url = urlsplit(self.path)
        query = {key: int(values[0]) for key, values in parse_qs(url.query).items()}
        if url.path == "/state":
            state = owner.state
            self._send(json.dumps(dataclasses.asdict(state)).encode())
            if not state.steady:
                owner.asked_unsteady.set()
        elif url.path != "/journal":
            self.send_error(404)
        elif query.get("follow"):
            self._follow(owner, query.get("after", 0))
        else:
            self._send(owner.lines(query.get("after", 0))[1])

    def _send(self, body: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _follow(self, owner: LoopbackController, after: int) -> None:
        self.send_response(200)
        self.send_header("Connection", "close")
        self.end_headers()
        while not owner.stopping:
            after, lines = owner.lines(after)
            self.wfile.write(lines or b"\n")
            with owner.news:
                if not (owner.stopping or owner.lines(after)[1]):
                    owner.news.wait(timeout=0.5)

    def log_message(self, *_: object) -> None:
        """Log nothing."""
