"""Kills a container (SIGKILL): every process in it dies at once, the kernel closes its connections.

The controller has to start a server again; beside the servers only the fault's end does.
"""

from lab.faults import container
from lab.faults.contract import CONTAINERS, Injection, duration


class Kill(container.ContainerFault):
    """A sudden death."""

    def strike(self, injection: Injection) -> None:
        """Kill the container."""
        injection.engine.kill(injection.target)


FAULT = Kill(
    "SIGKILL",
    places=CONTAINERS,
    ends=False,
    duration_s=duration(5.0, "when it is started, if nobody else has by then"),
)
