"""Crashes the process inside a server's container; Docker restarts it by itself."""

from lab.faults import REPAIR, SERVER, Context, Parameter, Parameters, _container, _predictor

HELP = "crash the process inside the container (exit code 70); Docker starts it again"
DETAIL = "PUT /faults crash"
PLACES = (SERVER,)
PARAMETERS: dict[str, Parameter] = {}
ENDS = False
LIMIT = REPAIR


def inject(context: Context, target: str, parameters: Parameters) -> None:
    """Tell the predictor to exit; its reply comes first."""
    _container.remember(context, "crash", target)
    _predictor.put(context, target, parameters, crash=True)


def undo(context: Context, target: str, _: Parameters) -> None:
    """Start the container, should Docker have given up or wait for long."""
    _container.bring_back(context, target)


def took_effect(context: Context, target: str, _: Parameters) -> bool:
    """Look for the end of its processes."""
    return _container.ended_since(context, "crash", target)


def ended(context: Context, target: str, _: Parameters) -> bool:
    """Look whether it runs again."""
    return _container.running(context, target)


def why_not(context: Context, target: str, _: Parameters) -> str:
    """Say why it cannot be done."""
    return _predictor.why_not(context, target, "crash")
