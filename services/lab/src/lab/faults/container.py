"""What the faults of containers have in common: since when one runs, and bringing back one that does not."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import httpx

from lab.errors import UnreachableError
from lab.faults import SERVER, Context, place_of
from lab.parts.docker import epoch_s

DOWN = frozenset({"exited", "dead", "created"})
RESTARTING = "restarting"
"""Docker waits before it starts a process again that ended by itself: 0.1 s at first, then up to 60 s."""
STOP_LIMIT_S = 15.0
"""A server that was told to stop is gone after this, SIGKILL included."""
NOTICE_S = 2.0
"""A server that was sent SIGTERM says unready much sooner than this."""
BRIEF_S = 2.0
"""A pause of Docker's that is no longer than this is let pass."""
GRACE_S = 8
"""SIGKILL comes so long after the stop signal, where a fault has no `grace_s` of its own."""
POLL_S = 0.1


def now_s() -> float:
    """Return the wall clock, which is Docker's too (epoch s)."""
    return time.time()


def state(context: Context, target: str) -> dict[str, Any]:
    """Return what Docker says of the container's state."""
    found: dict[str, Any] = context.engine.inspect(target)["State"]
    return found


def remember(context: Context, fault: str, target: str) -> None:
    """Note the time of a fault, so that what Docker says later can be told from what was before."""
    context.memory[fault, target] = now_s()


def struck_s(context: Context, fault: str, target: str) -> float:
    """Return the time noted (epoch s); infinity where there is none."""
    return float(context.memory.get((fault, target), float("inf")))


def ended_since(context: Context, fault: str, target: str) -> bool:
    """Tell whether the container's processes have ended since the fault, or are down now."""
    now = state(context, target)
    if now["Status"] in DOWN or now["Status"] == RESTARTING:
        return True
    return epoch_s(now.get("FinishedAt", "0001-")) >= struck_s(context, fault, target)


def last_end_s(context: Context, target: str) -> float:
    """Return when the container's processes ended last (epoch s); each end changes it, 0 is never."""
    return epoch_s(state(context, target).get("FinishedAt", "0001-"))


def started_since(context: Context, target: str, since_s: float) -> bool:
    """Tell whether the container's present life began after a time (epoch s)."""
    return epoch_s(state(context, target).get("StartedAt", "0001-")) >= since_s


def ready(context: Context, server: str) -> bool:
    """Tell whether a predictor itself says that it is ready."""
    try:
        with context.http(server) as http:
            return http.get("/health/ready").is_success
    except httpx.HTTPError:
        return False


def running(context: Context, target: str) -> bool:
    """Tell whether the container runs."""
    return context.engine.status(target) == "running"


def settled(context: Context, target: str, limit_s: float) -> bool:
    """Wait until no stop that is under way can still take a container down; tell whether that was seen.

    For an undo without memory, which is the watchdog's: what it sees running may have been told to stop a
    moment ago. Seen is a container that is down, or has begun a new life meanwhile, or a server that says
    ready for NOTICE_S on end, for SIGTERM turns it unready at once. Of another place readiness is not known.
    """
    before = state(context, target).get("StartedAt")
    unready_at = time.monotonic()

    def seen() -> bool:
        nonlocal unready_at
        now = state(context, target)
        if now["Status"] in DOWN or now.get("StartedAt") != before:
            return True
        if place_of(target) != SERVER or not ready(context, target):
            unready_at = time.monotonic()
        return time.monotonic() - unready_at >= NOTICE_S

    return until(seen, limit_s)


def bring_back(context: Context, target: str) -> None:
    """Start the container, if nobody else has; raise UnreachableError if it does not run then."""
    until(lambda: context.engine.status(target) != RESTARTING, BRIEF_S)
    status = context.engine.status(target)
    if status in DOWN:
        context.engine.start(target)
    elif status == RESTARTING:
        # Docker's pause may be a minute by now; `start` counts it as running and does nothing.
        context.engine.restart(target, GRACE_S)
    if not until(lambda: running(context, target), STOP_LIMIT_S):
        name = context.engine.container(target)
        raise UnreachableError(f"{target} was started and does not run", remedy=f"docker restart {name}")


def until(true: Callable[[], bool], limit_s: float) -> bool:
    """Poll until something is true; return whether it became so in time."""
    deadline = time.monotonic() + limit_s
    while not true():
        if time.monotonic() >= deadline:
            return False
        time.sleep(POLL_S)
    return True
