"""Pauses a server's container: it hangs. Connections stay open, and nobody answers on them."""

from lab.engine import Engine
from lab.errors import UnreachableError

HELP = "pause the container (it hangs), and let it go on after HANG_S"
DETAIL = "docker pause"
ENDS = True

ATTEMPTS = 3
"""How often an end is tried: the controller may restart the container meanwhile, which ends the pause too."""


def inject(engine: Engine, server: str) -> None:
    """Freeze the container."""
    engine.pause(server)


def undo(engine: Engine, server: str) -> None:
    """Let the container go on, and look whether it does."""
    for attempt in range(1, ATTEMPTS + 1):
        if engine.status(server) != "paused":
            return
        try:
            engine.unpause(server)
        except UnreachableError:
            if attempt == ATTEMPTS:
                raise
    if engine.status(server) == "paused":
        raise UnreachableError(
            f"{server} is still paused", remedy=f"docker unpause {engine.container(server)}"
        )
