"""Guards a fault: the owner's side of the connection to the watchdog.

The module watchdog says what the words mean.
"""

from __future__ import annotations

import contextlib
import json
import select
import socket
import time
from typing import Any, Self

from lab.errors import LabError

READY, ARMED, OVER = "ready", "armed", "over"
START_S, POLL_S = 10.0, 0.1
"""The watchdog is started together with the tool that needs it, and may take a moment."""
ANSWER_S = 30.0


class Guard:
    """The owner's side of one fault's connection."""

    def __init__(self, address: str, order: dict[str, Any]) -> None:
        """Connect and hand the order over.

        Raise LabError if the watchdog at `host:port` is not ready.
        """
        self._address = address
        self._what = f"the fault {order['fault']} of {order['target']}"
        self._socket = self._connected()
        try:
            self._socket.sendall(json.dumps(order).encode() + b"\n")
            answer = self._socket.recv(len(READY) + 1)
        except OSError as error:
            self._socket.close()
            raise self._refused(error) from error
        if answer.decode().strip() != READY:
            self._socket.close()
            raise self._refused("it does not reach Docker")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def arm(self) -> None:
        """Announce the fault to the watchdog; raise LabError if it does not answer."""
        try:
            gone = bool(select.select([self._socket], [], [], 0)[0])  # it says nothing more: this is its end
            self._socket.sendall(f"{ARMED}\n".encode())
        except OSError as error:
            raise self._refused(error) from error
        if gone:
            raise self._refused("it closed the connection")

    def over(self) -> None:
        """Tell the watchdog that the fault has ended."""
        with contextlib.suppress(OSError):  # it was too late, and has ended it itself
            self._socket.sendall(f"{OVER}\n".encode())

    def _connected(self) -> socket.socket:
        host, _, port = self._address.rpartition(":")
        deadline = time.monotonic() + START_S
        while True:
            try:
                connection = socket.create_connection((host, int(port)), timeout=ANSWER_S)
            except OSError as error:
                if time.monotonic() >= deadline:
                    raise self._refused(error) from error
                time.sleep(POLL_S)
            else:
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                return connection

    def _refused(self, why: object) -> LabError:
        return LabError(
            f"the watchdog at {self._address} does not guard {self._what}: {why}; nothing was done",
            cause="its container does not run",
            remedy="make logs SERVICE=watchdog; starting the command again starts it",
        )
