"""Restarts a container gracefully: its own stop signal, then a start.

A server turns unready first.
"""

from lab.faults import container
from lab.faults.contract import CONTAINERS, Injection, Parameter, Work


class Restart(container.RestartFault):
    """Docker's restart, whose answer comes once the container runs again."""

    def do(self, injection: Injection, work: Work) -> None:  # noqa: ARG002 - it cannot be stopped
        """Ask Docker and wait for the answer."""
        injection.engine.restart(injection.target, int(injection.given["grace_s"]))

    def took_effect(self, injection: Injection) -> bool:
        """Return whether it has been started since."""
        return container.started_since(injection, injection.struck_s)


FAULT = Restart(
    "docker restart",
    places=CONTAINERS,
    grace_s=Parameter(8, "s", 0, 60, "SIGKILL comes so long after the stop signal"),
)
