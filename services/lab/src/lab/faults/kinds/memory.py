"""Takes memory inside a server, up to the container's limit: above it the kernel kills the process (OOM).

Docker restarts a process that died so. Below the limit the memory is given back when the time is over.
"""

from lab.errors import UnreachableError
from lab.faults import PREDICTOR, SERVER, Context, Parameter, Parameters, container, duration, predictor

HELP = "take memory inside the server; above the container's limit the kernel kills it (OOM)"
DETAIL = "PUT /faults memory"
PLACES = (SERVER,)
PARAMETERS = {
    "memory_mb": Parameter(
        1024, "MiB", 1, 65_536, "allocated and touched (a container may have as much swap)"
    ),
    "duration_s": duration(),
}
ENDS = True
LIMIT = PREDICTOR


def inject(context: Context, target: str, parameters: Parameters) -> None:
    """Tell the predictor to take it; one that dies of it cannot answer, which is what was wanted."""
    container.remember(context, "memory", target)
    try:
        predictor.put(context, target, parameters, memory_mb=_wanted(parameters))
    except UnreachableError:
        # It is busy allocating, or died of it, which Docker tells a moment later. A server that was out of
        # reach before shows neither.
        if not container.until(lambda: took_effect(context, target, parameters), container.NOTICE_S):
            raise


def undo(context: Context, target: str, parameters: Parameters) -> None:
    """Take the memory back, and see the container run. A process that died of it has given it back."""
    if not container.ended_since(context, "memory", target):
        predictor.end(context, target, memory_mb=_wanted(parameters))
    container.bring_back(context, target)


def took_effect(context: Context, target: str, parameters: Parameters) -> bool:
    """Look whether the predictor holds the memory, or died of it."""
    return container.ended_since(context, "memory", target) or predictor.in_force(
        context, target, memory_mb=_wanted(parameters)
    )


def ended(context: Context, target: str, parameters: Parameters) -> bool:
    """Look whether it runs and holds no memory."""
    return container.running(context, target) and predictor.over(
        context, target, memory_mb=_wanted(parameters)
    )


def why_not(context: Context, target: str, _: Parameters) -> str:
    """Say why it cannot be done."""
    return predictor.why_not(context, target, "memory_mb")


def _wanted(parameters: Parameters) -> int:
    return int(parameters["memory_mb"])
