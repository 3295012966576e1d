"""Whom a chaos run strikes, and with how much load; refuses what makes no sense. Pure: state and settings in.

TARGET names servers; else ROLE and COUNT choose the first ones of a role, in the order of the topology.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from lab import faults
from lab.errors import LabError, NotSteadyError
from lab.facts.timeline import ACTIVE, STANDBY, UP
from lab.parts.controller import State
from lab.settings import Settings

LOAD_SHARE = 0.7
"""The load that a run brings along, of what the servers left can carry."""


@dataclass(frozen=True)
class Plan:
    """What a run will do. `rate_per_s` is 0 without load of its own."""

    topology: str
    fault: str
    targets: tuple[str, ...]
    roles: dict[str, str]
    hang_s: float
    rate_per_s: float


def plan(state: State, settings: Settings) -> Plan:
    """Choose whom to strike; raise a LabError if the system is not steady or the choice makes no sense."""
    if not state.steady:
        raise NotSteadyError(
            f"the system is not steady: {state.steady_reason or 'the controller does not say why'}",
            cause="; ".join(
                f"{it.name} is {it.health}: {it.reason}" for it in state.servers if it.health != UP
            ),
            remedy="wait until `make stats` says steady, or look at: make watch",
        )
    if faults.SERVER not in (places := faults.load(settings.fault).places):
        raise LabError(
            f"FAULT={settings.fault} is nothing that is done to a server, but to: {', '.join(places)}",
            remedy="an experiment can do it: make scenarios",
        )
    targets = _named(state, settings) if settings.target else _of_role(state, settings)
    roles = {server.name: server.role for server in state.servers}
    rate = settings.chaos_rate or LOAD_SHARE * settings.capacity * _left(roles, targets)
    return Plan(
        state.topology, settings.fault, targets, roles, settings.hang_s, rate if settings.with_load else 0.0
    )


def _left(roles: dict[str, str], targets: Sequence[str]) -> int:
    """Return how many servers carry the load at first: the actives left over, at least one."""
    return max(1, sum(role == ACTIVE and name not in targets for name, role in roles.items()))


def _named(state: State, settings: Settings) -> tuple[str, ...]:
    """Return the servers that TARGET names, in the order of the topology."""
    roles = {server.name: server.role for server in state.servers}
    given = f"TARGET={settings.target}"
    named = {name.strip() for name in settings.target.split(",")} - {""}
    unknown = sorted(named - set(roles))
    if unknown or not named:
        raise LabError(f"{given}: no server {', '.join(unknown)}; expected one of: {', '.join(roles)}")
    if settings.role and any(roles[name] != settings.role for name in named):
        raise LabError(f"{given} and ROLE={settings.role} do not agree: leave out one of them")
    if settings.count not in (1, len(named)):
        raise LabError(f"{given} and COUNT={settings.count} do not agree: leave out COUNT")
    return tuple(name for name in roles if name in named)


def _of_role(state: State, settings: Settings) -> tuple[str, ...]:
    """Return the first COUNT servers of ROLE."""
    role = settings.role or ACTIVE
    found = tuple(server.name for server in state.with_role(role))
    if not found:
        raise LabError(
            f"ROLE={role} is not applicable: the topology {state.topology} has no {role} server",
            remedy="choose a topology that has one (make topologies)" if role == STANDBY else "",
        )
    if settings.count > len(found):
        there = f"{state.topology} has {len(found)} {role} ({', '.join(found)})"
        raise LabError(f"COUNT={settings.count} is too many: {there}")
    return found[: settings.count]
