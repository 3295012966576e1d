"""The service that ends a fault when its owner is gone or too slow.

It runs in a container of its own, so that it outlives the one that injects. One connection per
fault, lines of text on it:

    owner      ORDER   JSON: the fault, its target and parameters, the limit (s), where Docker and
               servers are
    watchdog   ready   it reaches Docker; nothing was done yet
    owner      armed   the fault is injected next: from here on the end of the connection, or the
               limit
                       without `over`, make the watchdog end the fault itself
    owner      over    the fault has ended, and its end was seen

guard.py is the owner's side.
"""

from __future__ import annotations

import json
import socketserver
import time

from lab.errors import LabError
from lab.faults import load
from lab.faults.contract import Context, Fault, Injection
from lab.faults.guard import ARMED, OVER, READY
from lab.parts.docker import Engine

PATIENCE_S = 60.0
PAUSE_S = 0.5
SURE_S = 2.0


class Watchdog(socketserver.ThreadingTCPServer):
    """Serves at (host, port); serve_forever() never returns by itself."""

    allow_reuse_address = True
    daemon_threads = True

    def __init__(self, address: tuple[str, int]) -> None:
        super().__init__(address, _Connection)


class _Connection(socketserver.StreamRequestHandler):
    """The connection of a fault."""

    def handle(self) -> None:
        """Wait for its end, and end it if nobody else does."""
        order = json.loads(self.rfile.readline() or b"null")
        if order is None:
            return
        what = f"the fault {order['fault']} of {order['target']}"
        try:
            fault = load(order["fault"])
            with Engine(order["docker_url"], order["project"]) as engine:
                context = Context(engine, order["target_url"], order["predictor_url"])
                injection = fault.at(context, order["target"], order["parameters"])
                self.wfile.write(f"{READY}\n".encode())
                if self._word() != ARMED:
                    return
                self.connection.settimeout(float(order["limit_s"]))
                if self._word() == OVER:
                    return
                print(f"{what}: its owner is gone or late", flush=True)
                _end(fault, injection)
        except LabError as error:
            print(f"{what}: {error.message()}", flush=True)
        else:
            print(f"{what}: ended", flush=True)

    def _word(self) -> str:
        """Return the owner's next word; empty if it is gone, or says nothing within the limit."""
        try:
            return self.rfile.readline().decode().strip()
        except OSError:  # a time-out is an OSError, too
            return ""


def _end(fault: Fault, injection: Injection) -> None:
    """End the fault, and once more when what its owner last asked Docker for has surely been done.

    Each is tried for a while, since nobody comes after this.
    """
    for wait_s in (0.0, SURE_S):
        time.sleep(wait_s)
        deadline = time.monotonic() + PATIENCE_S
        while True:
            try:
                fault.undo(injection)
                break
            except LabError:
                if time.monotonic() >= deadline:
                    raise
                time.sleep(PAUSE_S)
