"""Crashes the process inside a server's container; Docker restarts it by itself."""

from lab.faults import REPAIR, SERVER, Context, Parameter, Parameters, container, predictor

HELP = "crash the process inside the container (exit code 70); Docker starts it again"
DETAIL = "PUT /faults crash"
PLACES = (SERVER,)
PARAMETERS: dict[str, Parameter] = {}
ENDS = False
LIMIT = REPAIR


def inject(context: Context, target: str, parameters: Parameters) -> None:
    """Tell the predictor to exit; its reply comes first."""
    container.remember(context, "crash", target)
    predictor.put(context, target, parameters, crash=True)


def undo(context: Context, target: str, _: Parameters) -> None:
    """Start the container, should Docker have given up or wait for long."""
    container.bring_back(context, target)


def took_effect(context: Context, target: str, _: Parameters) -> bool:
    """Look for the end of its processes."""
    return container.ended_since(context, "crash", target)


def ended(context: Context, target: str, _: Parameters) -> bool:
    """Look whether it runs again."""
    return container.running(context, target)


def why_not(context: Context, target: str, _: Parameters) -> str:
    """Say why it cannot be done."""
    return predictor.why_not(context, target, "crash")
