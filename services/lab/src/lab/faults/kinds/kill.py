"""Kills a container: every process in it dies at once, the kernel closes its connections."""

from lab.faults import (
    CONTROLLER,
    DOCKER_PROXY,
    HAPROXY,
    SERVER,
    WATCHDOG,
    Context,
    Parameter,
    Parameters,
    container,
)

HELP = "kill the container (SIGKILL); the controller has to start a server again, the fault's end the others"
DETAIL = "SIGKILL"
PLACES = (SERVER, CONTROLLER, HAPROXY, DOCKER_PROXY)
PARAMETERS = {
    "duration_s": Parameter(5.0, "s", 0.1, 600, "when it is started, if nobody else has by then"),
}
ENDS = False
LIMIT = WATCHDOG


def inject(context: Context, target: str, _: Parameters) -> None:
    """Kill the container."""
    container.remember(context, "kill", target)
    context.engine.kill(target)


def undo(context: Context, target: str, _: Parameters) -> None:
    """Start the container, if the controller has not done so already."""
    container.bring_back(context, target)


def took_effect(context: Context, target: str, _: Parameters) -> bool:
    """Look for the end of its processes."""
    return container.ended_since(context, "kill", target)


def ended(context: Context, target: str, _: Parameters) -> bool:
    """Look whether it runs again."""
    return container.running(context, target)
