"""What the faults have in common that a predictor does to itself: PUT /faults, with its own time limit.

A predictor has one such fault at a time; a newer one takes the older one's place.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import httpx

from lab.errors import LabError, UnreachableError
from lab.faults import DURATION, Context, Parameters

ATTEMPTS_S = 5.0
"""How long an end is tried: a slow or overloaded predictor answers late."""
PAUSE_S = 0.1
NO_ROUTE = "predictors were started with FAULTS=0, so none can be told to misbehave"


def get(context: Context, server: str) -> dict[str, Any]:
    """Return the fault that a predictor says is in force."""
    try:
        with context.http(server) as http:
            found: dict[str, Any] = http.get("/faults").raise_for_status().json()
    except (httpx.HTTPError, ValueError) as error:
        raise _unreachable(server, error) from error
    return found


def put(context: Context, server: str, parameters: Parameters, **fields: object) -> None:
    """Tell a predictor to misbehave for `duration_s` (some faults, such as a crash, need no longer time)."""
    order = {DURATION: parameters.get(DURATION, 1.0), **fields}
    try:
        with context.http(server) as http:
            reply = http.put("/faults", json=order)
    except httpx.HTTPError as error:
        raise _unreachable(server, error) from error
    if reply.status_code == httpx.codes.NOT_FOUND:
        raise LabError(NO_ROUTE, remedy="make up FAULTS=1")
    if reply.is_error:
        raise LabError(f"{server} refused the fault ({reply.status_code}): {reply.text[:300]}")


def end(context: Context, server: str, **fields: object) -> None:
    """Tell a predictor to behave, if this fault is in force; one that does not run has no fault either.

    A newer fault in its place is not this one's to end.
    """
    deadline = time.monotonic() + ATTEMPTS_S
    while True:
        try:
            with context.http(server) as http:
                reply = http.get("/faults")
                if reply.status_code == httpx.codes.NOT_FOUND:
                    return
                if not _holds(reply.raise_for_status().json(), fields):
                    return
                http.delete("/faults").raise_for_status()
                return
        except (httpx.HTTPError, ValueError) as error:
            if context.engine.status(server) not in ("running", "paused"):
                return
            if time.monotonic() >= deadline:
                raise _unreachable(server, error) from error
        time.sleep(PAUSE_S)


def in_force(context: Context, server: str, **fields: object) -> bool:
    """Tell whether a predictor says that this fault is in force."""
    try:
        return _holds(get(context, server), fields)
    except UnreachableError:
        return False


def over(context: Context, server: str, **fields: object) -> bool:
    """Tell whether a predictor answers and says that this fault is not in force."""
    try:
        return not _holds(get(context, server), fields)
    except UnreachableError:
        return False


def _holds(found: Mapping[str, Any], fields: Mapping[str, object]) -> bool:
    """Tell whether what a predictor says is this fault, with these very values."""
    return bool(found["active"]) and all(found.get(key) == value for key, value in fields.items())


def why_not(context: Context, server: str, field: str) -> str:
    """Say why a predictor cannot be told to do this."""
    with context.http(server) as http:
        try:
            reply = http.get("/faults")
        except httpx.HTTPError:
            return ""  # being out of reach is an error of injecting, not a trait of this topology
    if reply.status_code == httpx.codes.NOT_FOUND:
        return NO_ROUTE
    if reply.is_success and field not in reply.json():
        return f"{server} is of a version that does not know the fault {field}"
    return ""


def _unreachable(server: str, error: Exception) -> UnreachableError:
    return UnreachableError(
        f"{server} does not answer on /faults: {type(error).__name__}: {error}",
        cause="it is down, hangs, is cut off or has no CPU left",
        remedy="its fault ends by itself, by its own clock; make watch shows the server",
    )


@dataclass(frozen=True)
class Switch:
    """A fault that a predictor holds in force: `fields` gives what to PUT, the telling one first."""

    fields: Callable[[Parameters], dict[str, object]]

    def inject(self, context: Context, target: str, parameters: Parameters) -> None:
        """Tell the predictor."""
        put(context, target, parameters, **self.fields(parameters))

    def undo(self, context: Context, target: str, parameters: Parameters) -> None:
        """Tell the predictor to behave, and hear that it does."""
        end(context, target, **self.fields(parameters))

    def took_effect(self, context: Context, target: str, parameters: Parameters) -> bool:
        """Ask the predictor."""
        return in_force(context, target, **self.fields(parameters))

    def ended(self, context: Context, target: str, parameters: Parameters) -> bool:
        """Ask the predictor."""
        return over(context, target, **self.fields(parameters))

    def why_not(self, context: Context, target: str, parameters: Parameters) -> str:
        """Say why it cannot be done."""
        return why_not(context, target, next(iter(self.fields(parameters))))
