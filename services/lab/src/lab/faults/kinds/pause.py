"""Pauses a container: it hangs. Connections stay open, and nobody answers on them."""

from lab.errors import UnreachableError
from lab.faults import (
    CONTROLLER,
    DOCKER_PROXY,
    HAPROXY,
    SERVER,
    WATCHDOG,
    Context,
    Parameters,
    container,
    duration,
)
from lab.parts.docker import epoch_s

HELP = "pause the container (it hangs: its connections stay open, nobody answers), and let it go on"
DETAIL = "docker pause"
PLACES = (SERVER, CONTROLLER, HAPROXY, DOCKER_PROXY)
PARAMETERS = {"duration_s": duration(5.0)}
ENDS = True
LIMIT = WATCHDOG

ATTEMPTS = 3
"""How often an end is tried: the controller may restart the container meanwhile, which ends the pause too."""


def inject(context: Context, target: str, _: Parameters) -> None:
    """Freeze the container."""
    container.remember(context, "pause", target)
    context.engine.pause(target)


def undo(context: Context, target: str, _: Parameters) -> None:
    """Let the container go on, and look whether it does."""
    for attempt in range(1, ATTEMPTS + 1):
        if context.engine.status(target) != "paused":
            return
        try:
            context.engine.unpause(target)
        except UnreachableError:
            if attempt == ATTEMPTS:
                raise
    if context.engine.status(target) == "paused":
        name = context.engine.container(target)
        raise UnreachableError(f"{target} is still paused", remedy=f"docker unpause {name}")


def took_effect(context: Context, target: str, _: Parameters) -> bool:
    """Look whether it is paused, or was restarted because of it."""
    now = container.state(context, target)
    since = container.struck_s(context, "pause", target)
    return now["Status"] == "paused" or epoch_s(now.get("StartedAt", "0001-")) >= since


def ended(context: Context, target: str, _: Parameters) -> bool:
    """Look whether it goes on."""
    return context.engine.status(target) != "paused"
