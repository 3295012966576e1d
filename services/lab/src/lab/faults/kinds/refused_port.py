"""Closes a server's port: new connections are refused, those that are open go on.

Its checks fail at once.

Nobody can tell such a server to behave, for that takes a new connection: an end before its time is
a restart.
"""

import time

import httpx

from lab.errors import UnreachableError
from lab.faults import container
from lab.faults.contract import DURATION, Injection
from lab.faults.predictor import Switch

SOON_S = 1.0
"""An end that is due so soon is waited for."""


class RefusedPort(Switch):
    """A switch that cannot be turned back."""

    def undo(self, injection: Injection) -> None:
        """Wait for the port if it opens soon; else restart the server."""
        if self.ended(injection):
            return
        left_s = injection.struck_s + injection.given[DURATION] - time.time()
        if left_s < SOON_S and container.until(lambda: self.ended(injection), 2 * SOON_S):
            return
        injection.engine.restart(injection.target, container.GRACE_S)
        if not container.until(lambda: self.ended(injection), container.STOP_LIMIT_S):
            raise UnreachableError(f"{injection.target} refuses connections even after a restart")

    def took_effect(self, injection: Injection) -> bool:
        """Try to connect: it has to be refused, by a server whose container runs."""
        try:
            with injection.http() as http:
                http.get("/health/live")
        except httpx.ConnectError:
            return container.running(injection)
        except httpx.HTTPError:
            return False
        return False


FAULT = RefusedPort("PUT /faults refused port", {"refuse_connections": True})
