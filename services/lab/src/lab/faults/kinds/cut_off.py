"""Cuts a server off: its container leaves the network `serving`. It lives on, and nothing reaches it.

No connection is closed: packets find nobody. Docker needs no firewall and no kernel module for it.
"""

from lab.errors import UnreachableError
from lab.faults import SERVER, WATCHDOG, Context, Parameters, duration

HELP = "take the server off the network, so that no packet comes or goes; then connect it again"
DETAIL = "network disconnect"
PLACES = (SERVER,)
PARAMETERS = {"duration_s": duration()}
ENDS = True
LIMIT = WATCHDOG

NETWORK = "serving"


def inject(context: Context, target: str, _: Parameters) -> None:
    """Disconnect the container."""
    context.engine.disconnect(target, NETWORK)


def undo(context: Context, target: str, _: Parameters) -> None:
    """Connect it again under its names, and look whether it is; it may get another address."""
    if NETWORK not in context.engine.networks(target):
        try:
            context.engine.connect(target, NETWORK)
        except UnreachableError:
            # Docker refuses to connect twice: the watchdog and the owner may both be at it.
            if NETWORK not in context.engine.networks(target):
                raise
    if NETWORK not in context.engine.networks(target):
        raise UnreachableError(
            f"{target} is still off the network {NETWORK}",
            remedy=f"docker network connect --alias {target} {context.engine.project}_{NETWORK} "
            f"{context.engine.container(target)}",
        )


def took_effect(context: Context, target: str, _: Parameters) -> bool:
    """Look whether it is off the network."""
    return NETWORK not in context.engine.networks(target)


def ended(context: Context, target: str, _: Parameters) -> bool:
    """Look whether it is connected."""
    return NETWORK in context.engine.networks(target)
