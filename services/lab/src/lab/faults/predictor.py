"""What the faults have in common that a predictor does to itself.

PUT /faults, with its own time limit.

A predictor has one such fault at a time; a newer one takes the older one's place.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import httpx

from lab.errors import LabError, UnreachableError
from lab.faults.contract import DURATION, PREDICTOR, Fault, Injection, Parameter, duration

ATTEMPTS_S = 5.0
"""How long an end is tried: a slow or overloaded predictor answers late."""
PAUSE_S = 0.1
NO_ROUTE = "predictors were started with FAULTS=0, so none can be told to misbehave"

Order = Mapping[str, object]
"""Fields of PUT /faults, beside the duration; the first one says which fault it is."""


def get(injection: Injection) -> dict[str, Any]:
    """Return the fault that a predictor says is in force."""
    try:
        with injection.http() as http:
            answer: dict[str, Any] = http.get("/faults").raise_for_status().json()
    except (httpx.HTTPError, ValueError) as error:
        raise _unreachable(injection, error) from error
    return answer


def put(injection: Injection, order: Order) -> None:
    """Tell a predictor to misbehave for `duration_s`.

    Some faults, such as a crash, are over at once.
    """
    try:
        with injection.http() as http:
            reply = http.put("/faults", json={DURATION: injection.given.get(DURATION, 1.0), **order})
    except httpx.HTTPError as error:
        raise _unreachable(injection, error) from error
    if reply.status_code == httpx.codes.NOT_FOUND:
        raise LabError(NO_ROUTE, remedy="make up FAULTS=1")
    if reply.is_error:
        raise LabError(f"{injection.target} refused the fault ({reply.status_code}): {reply.text[:300]}")


def end(injection: Injection, order: Order) -> None:
    """Tell a predictor to behave, if this fault is in force.

    One that does not run has no fault either.

    A newer fault in its place is not this one's to end.
    """
    deadline = time.monotonic() + ATTEMPTS_S
    while True:
        try:
            with injection.http() as http:
                reply = http.get("/faults")
                if reply.status_code == httpx.codes.NOT_FOUND:
                    return
                if not _holds(reply.raise_for_status().json(), order):
                    return
                http.delete("/faults").raise_for_status()
                return
        except (httpx.HTTPError, ValueError) as error:
            if injection.engine.status(injection.target) not in ("running", "paused"):
                return
            if time.monotonic() >= deadline:
                raise _unreachable(injection, error) from error
        time.sleep(PAUSE_S)


def in_force(injection: Injection, order: Order) -> bool | None:
    """Return whether a predictor says that this fault is in force; None if it does not answer."""
    try:
        return _holds(get(injection), order)
    except UnreachableError:
        return None


def _holds(answer: Mapping[str, Any], order: Order) -> bool:
    """Return whether what a predictor says is this fault, with these very values."""
    return bool(answer["active"]) and all(answer.get(key) == value for key, value in order.items())


def why_not(injection: Injection, field: str) -> str:
    """Return why a predictor cannot be told to do this; empty if it can."""
    with injection.http() as http:
        try:
            reply = http.get("/faults")
        except httpx.HTTPError:
            return ""  # being out of reach is an error of injecting, not a trait of this topology
    if reply.status_code == httpx.codes.NOT_FOUND:
        return NO_ROUTE
    if reply.is_success and field not in reply.json():
        return f"{injection.target} is of a version that does not know the fault {field}"
    return ""


def _unreachable(injection: Injection, error: Exception) -> UnreachableError:
    return UnreachableError(
        f"{injection.target} does not answer on /faults: {type(error).__name__}: {error}",
        cause="it is down, hangs, is cut off or has no CPU left",
        remedy="its fault ends by itself, by its own clock; make watch shows the server",
    )


def share(default: float, field: str) -> Parameter:
    """Return the parameter `rate` of a fault that strikes some of the requests."""
    return Parameter(default, "", 0.001, 1, "share of the requests", field)


class Switch(Fault):
    """A fault that a predictor holds in force.

    `put`, and the field of each parameter, go to PUT /faults.
    """

    def __init__(self, detail: str, put: Order | None = None, **parameters: Parameter) -> None:
        super().__init__(detail, limit=PREDICTOR)
        self.parameters = {**parameters, DURATION: duration()}
        self._put = put or {}

    def order(self, injection: Injection) -> Order:
        """Return what to PUT."""
        told = {key: it.field or key for key, it in self.parameters.items() if key != DURATION}
        return {**self._put, **{field: injection.given[key] for key, field in told.items()}}

    def strike(self, injection: Injection) -> None:
        """Tell the predictor."""
        put(injection, self.order(injection))

    def undo(self, injection: Injection) -> None:
        """Tell the predictor to behave, and hear that it does."""
        end(injection, self.order(injection))

    def took_effect(self, injection: Injection) -> bool:
        """Ask the predictor."""
        return in_force(injection, self.order(injection)) is True

    def ended(self, injection: Injection) -> bool:
        """Ask the predictor."""
        return in_force(injection, self.order(injection)) is False

    def why_not(self, injection: Injection) -> str:
        """Ask the predictor whether it knows this fault."""
        return super().why_not(injection) or why_not(injection, next(iter(self.order(injection))))
