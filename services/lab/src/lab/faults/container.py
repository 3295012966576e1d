"""What the faults of containers have in common.

Since when one runs, and bringing back one that does not.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import httpx

from lab.errors import UnreachableError
from lab.faults.contract import SERVER, Fault, Injection, place_of
from lab.faults.work import WorkFault
from lab.parts.docker import epoch_s

DOWN = frozenset({"exited", "dead", "created"})
RESTARTING = "restarting"
"""Docker waits before it starts a process again that ended by itself: 0.1 s at first, then up to 60
s."""
STOP_LIMIT_S = 15.0
"""A server that was told to stop is gone after this, SIGKILL included."""
NOTICE_S = 2.0
"""A server that was sent SIGTERM says unready much sooner than this."""
BRIEF_S = 2.0
"""A pause of Docker's that is no longer than this is let pass."""
GRACE_S = 8
"""SIGKILL comes so long after the stop signal, where a fault has no `grace_s` of its own."""
POLL_S = 0.1


def state(injection: Injection) -> dict[str, Any]:
    """Return what Docker says of the container's state."""
    answer: dict[str, Any] = injection.engine.inspect(injection.target)["State"]
    return answer


def ended_since(injection: Injection, since_s: float) -> bool:
    """Return whether the container's processes ended since a time (epoch s), or are down."""
    if state(injection)["Status"] in DOWN | {RESTARTING}:
        return True
    return last_end_s(injection) >= since_s


def last_end_s(injection: Injection) -> float:
    """Return when the container's processes ended last (epoch s).

    Each end changes it, 0 is never.
    """
    return epoch_s(state(injection).get("FinishedAt", "0001-"))


def started_since(injection: Injection, since_s: float) -> bool:
    """Return whether the container's present life began after a time (epoch s)."""
    return epoch_s(state(injection).get("StartedAt", "0001-")) >= since_s


def ready(injection: Injection) -> bool:
    """Return whether a predictor itself says that it is ready."""
    try:
        with injection.http() as http:
            return http.get("/health/ready").is_success
    except httpx.HTTPError:
        return False


def running(injection: Injection) -> bool:
    """Return whether the container runs."""
    return injection.engine.status(injection.target) == "running"


def settled(injection: Injection, limit_s: float) -> bool:
    """Wait until no stop that is under way can still take a container down.

    Return whether that was seen.

    For an undo by a process that did not inject, which is the watchdog's: what it sees running may
    have been told to stop a moment ago. It counts as seen when the container is down or has begun a
    new life, or when the server says ready for NOTICE_S on end: SIGTERM turns it unready at once.
    Only servers say that.
    """
    before = state(injection).get("StartedAt")
    unready_at = time.monotonic()

    def seen() -> bool:
        nonlocal unready_at
        now = state(injection)
        if now["Status"] in DOWN or now.get("StartedAt") != before:
            return True
        if place_of(injection.target) != SERVER or not ready(injection):
            unready_at = time.monotonic()
        return time.monotonic() - unready_at >= NOTICE_S

    return until(seen, limit_s)


def bring_back(injection: Injection) -> None:
    """Start the container, if nobody else has; raise UnreachableError if it does not run then."""
    engine, target = injection.engine, injection.target
    until(lambda: engine.status(target) != RESTARTING, BRIEF_S)
    status = engine.status(target)
    if status in DOWN:
        engine.start(target)
    elif status == RESTARTING:
        # Docker's pause may be a minute by now; `start` counts it as running and does nothing.
        engine.restart(target, GRACE_S)
    if not until(lambda: running(injection), STOP_LIMIT_S):
        name = engine.container(target)
        raise UnreachableError(f"{target} was started and does not run", remedy=f"docker restart {name}")


def until(true: Callable[[], bool], limit_s: float) -> bool:
    """Poll until something is true; return whether it became so in time."""
    deadline = time.monotonic() + limit_s
    while not true():
        if time.monotonic() >= deadline:
            return False
        time.sleep(POLL_S)
    return True


class ContainerFault(Fault):
    """A fault that takes a container down. It is over when the container runs again."""

    ends_process = True

    def undo(self, injection: Injection) -> None:
        """Start the container, if nobody has done so already."""
        bring_back(injection)

    def took_effect(self, injection: Injection) -> bool:
        """Return whether its processes have ended."""
        return ended_since(injection, injection.struck_s)

    def ended(self, injection: Injection) -> bool:
        """Return whether it runs again."""
        return running(injection)


class ContainerWork(ContainerFault, WorkFault):
    """Work that takes a container down."""

    def undo(self, injection: Injection) -> None:
        """Let the work end, and see the container run, whatever became of the work."""
        try:
            self.end(injection)
        finally:
            bring_back(injection)

    def ended(self, injection: Injection) -> bool:
        """Return whether the work is over and the container runs."""
        return WorkFault.ended(self, injection) and running(injection)


class RestartFault(ContainerWork):
    """Docker's restart; whoever did not ask for it waits until no stop is under way."""

    def end(self, injection: Injection) -> None:
        """Wait for Docker's answer, or without it until the container has settled."""
        super().end(injection)
        if injection.work is None:
            settled(injection, injection.given["grace_s"] + NOTICE_S)
