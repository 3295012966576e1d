"""Crashes the process inside a server whenever it is up.

Docker restarts it, with growing pauses.
"""

import contextlib
import time

from lab.errors import UnreachableError
from lab.faults import container, predictor
from lab.faults.contract import DURATION, TOOL, Injection, Parameter, Work, duration

POLL_S = 0.2
DEATH_S = 2.0
"""A process that was told to crash is gone after this."""
CRASH = {"crash": True}


class CrashLoop(container.ContainerWork):
    """Crashes, as long as the tool works at it. What is counted is what Docker saw die."""

    def strike(self, injection: Injection) -> None:
        """Ask for the first crash at once."""
        predictor.put(injection, CRASH)
        super().strike(injection)

    def do(self, injection: Injection, work: Work) -> None:
        """Ask for a crash whenever the server answers."""
        up_s, duration_s = injection.given["up_s"], injection.given[DURATION]
        seen_s = injection.struck_s
        due = True
        work.report["crashes"] = 0

        def died() -> bool:
            nonlocal seen_s, due
            now_s = container.last_end_s(injection)
            if now_s <= seen_s:
                return False
            seen_s, due = now_s, False
            work.report["crashes"] += 1
            return True

        end = time.monotonic() + duration_s
        while time.monotonic() < end and not work.stop.wait(POLL_S):
            with contextlib.suppress(UnreachableError):  # it is down
                died()
                predictor.get(injection)
                if work.stop.wait(min(up_s, max(0.0, end - time.monotonic()))):
                    break
                due = True
                predictor.put(injection, CRASH)
        if due:
            container.until(died, DEATH_S)

    def why_not(self, injection: Injection) -> str:
        """Ask the predictor whether it knows this fault."""
        return super().why_not(injection) or predictor.why_not(injection, "crash")


FAULT = CrashLoop(
    "PUT /faults crash, again and again",
    limit=TOOL,
    up_s=Parameter(0.5, "s", 0, 60, "how long it is let live each time it answers"),
    duration_s=duration(20.0),
)
