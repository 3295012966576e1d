"""Crashes the process inside a server's container (exit code 70); Docker restarts it by itself."""

from lab.faults import container, predictor
from lab.faults.contract import REPAIR, Injection


class Crash(container.ContainerFault):
    """A process that is told to exit."""

    def strike(self, injection: Injection) -> None:
        """Tell the predictor to exit; its reply comes first."""
        predictor.put(injection, {"crash": True})

    def why_not(self, injection: Injection) -> str:
        """Ask the predictor whether it knows this fault."""
        return super().why_not(injection) or predictor.why_not(injection, "crash")


FAULT = Crash("PUT /faults crash", ends=False, limit=REPAIR)
