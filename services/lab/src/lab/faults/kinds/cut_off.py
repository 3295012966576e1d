"""Cuts a server off: its container leaves the network `serving`.

It lives on, and nothing reaches it.

No connection is closed: packets find nobody. Docker needs no firewall and no kernel module for it.
"""

from lab.errors import UnreachableError
from lab.faults.contract import Fault, Injection, duration

NETWORK = "serving"


class CutOff(Fault):
    """A cable that is pulled."""

    def strike(self, injection: Injection) -> None:
        """Disconnect the container."""
        injection.engine.disconnect(injection.target, NETWORK)

    def undo(self, injection: Injection) -> None:
        """Connect it again under its names, and look whether it is; it may get another address."""
        engine, target = injection.engine, injection.target
        if not self.ended(injection):
            try:
                engine.connect(target, NETWORK)
            except UnreachableError:
                # Docker refuses to connect twice: the watchdog and the owner may both be at it.
                if not self.ended(injection):
                    raise
        if not self.ended(injection):
            remedy = f"docker network connect --alias {target} {engine.project}_{NETWORK} "
            remedy += engine.container(target)
            raise UnreachableError(f"{target} is still off the network {NETWORK}", remedy=remedy)

    def took_effect(self, injection: Injection) -> bool:
        """Return whether it is off the network."""
        return not self.ended(injection)

    def ended(self, injection: Injection) -> bool:
        """Return whether it is connected."""
        return NETWORK in injection.engine.networks(injection.target)


FAULT = CutOff("network disconnect", duration_s=duration())
