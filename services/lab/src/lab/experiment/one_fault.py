"""`make chaos` as a scenario: one fault of chosen servers, with or without load.

Pure: state and settings in.

TARGET names servers; else ROLE and COUNT choose the first ones of a role, in the order of the
topology. The scenario expects nothing but the recovery, and is never stopped early: what happens is
told to its end.
"""

from __future__ import annotations

from lab import faults
from lab.errors import LabError
from lab.experiment import parse
from lab.experiment.scenario import Scenario
from lab.faults.contract import SERVER
from lab.parts.controller import ACTIVE, STANDBY, State
from lab.settings import Settings

NAME = "chaos"
BEFORE_S = 5.0
"""The load runs this long before the fault, so that there is something usual to compare with."""
LOAD_SHARE = 0.7
"""The load that a run brings along, of what is left in service, a standby in the place of an
active."""
TEXT = """\
# What `make chaos` did, as a scenario: it can be run again from the folder scenarios/.
description: {fault} of {targets}, told to its end
steady: {{within_s: 0, failed_percent: 5, p95_ms: 60000}}
load: {{{load}, after_s: 1}}
faults:
  - fault: {fault}
    target: {targets}
    length_s: {length_s:g}
expect: {{}}
abort: {{failed_percent: 100}} # never
recovery: {{within_s: {within_s:g}, failed_percent: 100}}
"""


def scenario(state: State, settings: Settings) -> Scenario:
    """Return it; raise a LabError if the choice makes no sense."""
    if SERVER not in (places := faults.load(settings.fault).places):
        raise LabError(
            f"FAULT={settings.fault} cannot be done to a server, only to: {', '.join(places)}",
            remedy="an experiment can do it: make scenarios",
        )
    targets = _named(state, settings) if settings.target else _of_role(state, settings)
    text = TEXT.format(
        fault=settings.fault,
        targets=", ".join(targets),
        load=_load(settings),
        length_s=settings.hang_s,
        within_s=settings.chaos_wait_s,
    )
    result, problems = parse.parse(text, f"{NAME}.yaml")
    if result is None:
        wrong = "; ".join(f"{each.what}; expected {each.expected}" for each in problems)
        raise LabError(f"make chaos cannot do this: {wrong}")
    return result


def _load(settings: Settings) -> str:
    """Return the load: none, the rate that was asked for, or a share of what is left in service."""
    if not settings.with_load:
        return "pattern: none, before_s: 1"
    if settings.chaos_rate:
        return f"rate: {settings.chaos_rate:g}, before_s: {BEFORE_S:g}"
    return f"share_of_survivors: {LOAD_SHARE}, before_s: {BEFORE_S:g}"


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
    names = tuple(server.name for server in state.with_role(role))
    if not names:
        raise LabError(
            f"ROLE={role} is not applicable: the topology {state.topology} has no {role} server",
            remedy="choose a topology that has one (make topologies)" if role == STANDBY else "",
        )
    if settings.count > len(names):
        there = f"{state.topology} has {len(names)} {role} ({', '.join(names)})"
        raise LabError(f"COUNT={settings.count} is too many: {there}")
    return names[: settings.count]
