"""Takes memory inside a server, up to the container's limit.

Above it the kernel kills the process (OOM).

Docker restarts a process that died so. Below the limit the memory is given back when the time is
over.
"""

from lab.errors import UnreachableError
from lab.faults import container
from lab.faults.contract import Injection, Parameter
from lab.faults.predictor import Order, Switch


class Memory(Switch):
    """A switch that the server may die of."""

    ends_process = True

    def order(self, injection: Injection) -> Order:
        """Take whole MiB."""
        return {"memory_mb": int(injection.given["memory_mb"])}

    def strike(self, injection: Injection) -> None:
        """Tell the predictor to take it.

        A predictor that dies of it cannot answer; that is the purpose.
        """
        try:
            super().strike(injection)
        except UnreachableError:
            # It is busy allocating, or died of it, which Docker tells a moment later. A server that
            # was out of reach before shows neither.
            if not container.until(lambda: self.took_effect(injection), container.NOTICE_S):
                raise

    def undo(self, injection: Injection) -> None:
        """Take the memory back, and see the container run.

        A process that died of it has given it back.
        """
        if not container.ended_since(injection, injection.struck_s):
            super().undo(injection)
        container.bring_back(injection)

    def took_effect(self, injection: Injection) -> bool:
        """Return whether the predictor holds the memory, or died of it."""
        return container.ended_since(injection, injection.struck_s) or super().took_effect(injection)

    def ended(self, injection: Injection) -> bool:
        """Return whether it runs and holds no memory."""
        return container.running(injection) and super().ended(injection)


FAULT = Memory(
    "PUT /faults memory",
    memory_mb=Parameter(1024, "MiB", 1, 65_536, "allocated and touched (a container may have as much swap)"),
)
