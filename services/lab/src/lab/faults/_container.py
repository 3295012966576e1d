"""What the faults of containers have in common: since when one runs, and bringing back one that does not."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import httpx

from lab.engine import epoch_s
from lab.errors import UnreachableError
from lab.faults import Context

DOWN = frozenset({"exited", "dead", "created"})
STOP_LIMIT_S = 15.0
"""A server that was told to stop is gone after this, SIGKILL included."""
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
    if now["Status"] in DOWN or now["Status"] == "restarting":
        return True
    return epoch_s(now.get("FinishedAt", "0001-")) >= struck_s(context, fault, target)


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


def start_if_down(context: Context, target: str) -> None:
    """Start the container, if nobody else has; raise UnreachableError if it does not run then."""
    if context.engine.status(target) in DOWN:
        context.engine.start(target)
    if not until(lambda: running(context, target), STOP_LIMIT_S):
        name = context.engine.container(target)
        raise UnreachableError(f"{target} was started and does not run", remedy=f"docker start {name}")


def until(true: Callable[[], bool], limit_s: float) -> bool:
    """Poll until something is true; return whether it became so in time."""
    deadline = time.monotonic() + limit_s
    while not true():
        if time.monotonic() >= deadline:
            return False
        time.sleep(POLL_S)
    return True
