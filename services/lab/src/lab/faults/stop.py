"""Stops a server as a person does: SIGTERM. It turns unready, answers what is there, and exits."""

from lab.errors import UnreachableError
from lab.faults import SERVER, WATCHDOG, Context, Parameters, _container, duration

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
    _container.remember(context, "stop", target)
    context.engine.kill(target, signal="TERM")


def undo(context: Context, target: str, _: Parameters) -> None:
    """Start the server; one that is still on its way out is let go first."""
    if context.memory.get(("stop", target)) and not _container.until(
        lambda: _container.ended_since(context, "stop", target), _container.STOP_LIMIT_S
    ):
        raise UnreachableError(
            f"{target} was sent SIGTERM and did not exit within {_container.STOP_LIMIT_S:g} s",
            remedy=f"docker restart {context.engine.container(target)}",
        )
    _container.start_if_down(context, target)


def took_effect(context: Context, target: str, _: Parameters) -> bool:
    """Look whether it has exited."""
    return _container.ended_since(context, "stop", target)


def ended(context: Context, target: str, _: Parameters) -> bool:
    """Look whether it runs again."""
    return _container.ended_since(context, "stop", target) and _container.running(context, target)
