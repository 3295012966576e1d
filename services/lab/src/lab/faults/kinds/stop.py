"""Stops a server as a person does: SIGTERM. It turns unready, answers what is there, and exits."""

from lab.faults import SERVER, WATCHDOG, Context, Parameters, container, duration

HELP = (
    "stop the server gracefully (SIGTERM); it stays stopped, since a person wanted it, until the fault's end"
)
DETAIL = "SIGTERM"
PLACES = (SERVER,)
PARAMETERS = {"duration_s": duration()}
ENDS = True
LIMIT = WATCHDOG


def inject(context: Context, target: str, _: Parameters) -> None:
    """Send SIGTERM, which Docker takes for a manual stop; it exits in its own time."""
    container.remember(context, "stop", target)
    context.engine.kill(target, signal="TERM")


def undo(context: Context, target: str, _: Parameters) -> None:
    """Start the server; one that is still on its way out is let go first.

    Whoever remembers nothing, such as the watchdog, tells that from its readiness.
    """
    gone = container.ended_since(context, "stop", target)
    if not gone and not container.settled(context, target, container.STOP_LIMIT_S):
        # It neither exits nor serves: Docker's own stop ends in SIGKILL.
        context.engine.restart(target, container.GRACE_S)
    container.bring_back(context, target)


def took_effect(context: Context, target: str, _: Parameters) -> bool:
    """Look whether it has exited."""
    return container.ended_since(context, "stop", target)


def ended(context: Context, target: str, _: Parameters) -> bool:
    """Look whether it runs again."""
    return container.ended_since(context, "stop", target) and container.running(context, target)
