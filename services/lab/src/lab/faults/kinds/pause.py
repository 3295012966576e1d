"""Pauses a container: it hangs.

Connections stay open, and nobody answers on them, until it goes on.
"""

from lab.errors import UnreachableError
from lab.faults import container
from lab.faults.contract import CONTAINERS, Fault, Injection, duration

ATTEMPTS = 3
"""How often an end is tried: the controller may restart the container meanwhile, which ends the
pause too."""


class Pause(Fault):
    """A hang."""

    def strike(self, injection: Injection) -> None:
        """Freeze the container."""
        injection.engine.pause(injection.target)

    def undo(self, injection: Injection) -> None:
        """Let the container go on, and look whether it does."""
        engine, target = injection.engine, injection.target
        for attempt in range(1, ATTEMPTS + 1):
            if self.ended(injection):
                return
            try:
                engine.unpause(target)
            except UnreachableError:
                if attempt == ATTEMPTS:
                    raise
        if not self.ended(injection):
            name = engine.container(target)
            raise UnreachableError(f"{target} is still paused", remedy=f"docker unpause {name}")

    def took_effect(self, injection: Injection) -> bool:
        """Return whether it is paused, or was restarted because of it."""
        return not self.ended(injection) or container.started_since(injection, injection.struck_s)

    def ended(self, injection: Injection) -> bool:
        """Return whether it goes on."""
        return injection.engine.status(injection.target) != "paused"


FAULT = Pause("docker pause", places=CONTAINERS, duration_s=duration(5.0))
