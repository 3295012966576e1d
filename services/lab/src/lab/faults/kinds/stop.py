"""Stops a server as a person does: SIGTERM. It turns unready, answers what is there, and exits.

It stays stopped, since a person wanted it, until the fault's end.
"""

from lab.faults import container
from lab.faults.contract import Injection, duration


class Stop(container.ContainerFault):
    """A stop by hand."""

    def strike(self, injection: Injection) -> None:
        """Send SIGTERM, which Docker takes for a manual stop; it exits in its own time."""
        injection.engine.kill(injection.target, signal="TERM")

    def undo(self, injection: Injection) -> None:
        """Start the server; one that is still on its way out is let go first.

        Whoever did not inject, such as the watchdog, tells that from its readiness.
        """
        if not self.took_effect(injection) and not container.settled(injection, container.STOP_LIMIT_S):
            # It neither exits nor serves: Docker's own stop ends in SIGKILL.
            injection.engine.restart(injection.target, container.GRACE_S)
        super().undo(injection)

    def ended(self, injection: Injection) -> bool:
        """Return whether it has exited and runs again."""
        return self.took_effect(injection) and super().ended(injection)


FAULT = Stop("SIGTERM", duration_s=duration())
