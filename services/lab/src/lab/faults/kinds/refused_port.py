"""Closes a server's port: new connections are refused, those that are open go on. Its checks fail at once.

Nobody can tell such a server to behave, for that takes a new connection: an end before its time is a restart.
"""

import httpx

from lab.errors import UnreachableError
from lab.faults import PREDICTOR, SERVER, Context, Parameters, container, duration, predictor

HELP = "close the server's port: new connections are refused, those that are open go on"
DETAIL = "PUT /faults refused port"
PLACES = (SERVER,)
PARAMETERS = {"duration_s": duration()}
ENDS = True
LIMIT = PREDICTOR

FIELD = "refuse_connections"
SOON_S = 1.0
"""An end that is due so soon is waited for."""


def inject(context: Context, target: str, parameters: Parameters) -> None:
    """Tell the predictor; it closes its port within a tenth of a second."""
    context.memory["refused_port", target] = container.now_s() + parameters["duration_s"]
    predictor.put(context, target, parameters, **{FIELD: True})


def undo(context: Context, target: str, parameters: Parameters) -> None:
    """Wait for the port if it opens soon; else restart the server."""
    if ended(context, target, parameters):
        return
    left_s = float(context.memory.get(("refused_port", target), 0.0)) - container.now_s()
    if left_s < SOON_S and container.until(lambda: ended(context, target, parameters), 2 * SOON_S):
        return
    context.engine.restart(target, container.GRACE_S)
    if not container.until(lambda: ended(context, target, parameters), container.STOP_LIMIT_S):
        raise UnreachableError(f"{target} refuses connections even after a restart")


def took_effect(context: Context, target: str, _: Parameters) -> bool:
    """Try to connect: it has to be refused, by a server whose container runs."""
    try:
        with context.http(target) as http:
            http.get("/health/live")
    except httpx.ConnectError:
        return container.running(context, target)
    except httpx.HTTPError:
        return False
    return False


def ended(context: Context, target: str, _: Parameters) -> bool:
    """Ask the predictor."""
    return predictor.over(context, target, **{FIELD: True})


def why_not(context: Context, target: str, _: Parameters) -> str:
    """Say why it cannot be done."""
    return predictor.why_not(context, target, FIELD)
