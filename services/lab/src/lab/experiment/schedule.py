"""Who is struck, when and for how long, and how much load there is.

Pure: scenario, system and seed in.

The same seed gives the same plan on the same topology.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from lab import faults
from lab.errors import LabError, ScenarioError
from lab.experiment import targets
from lab.experiment.scenario import LoadPlan, Scenario
from lab.faults.contract import PREDICTOR
from lab.load import spec
from lab.load.spec import LoadSpec
from lab.parts.controller import ACTIVE, State
from lab.parts.predictors import Info
from lab.settings import Settings

SLACK_S = 30.0
"""The load may last this much longer than all that is planned; it is ended when it is no longer
needed."""


@dataclass(frozen=True)
class Stroke:
    """One fault on its targets. Times in s; `at_s` counts from the time 0."""

    fault: str
    targets: tuple[str, ...]
    at_s: float
    length_s: float
    parameters: Mapping[str, float]


@dataclass(frozen=True)
class Plan:
    """What a trial will do. Rates in requests/s; `load` is what is sent."""

    scenario: Scenario
    topology: str
    seed: int
    strokes: tuple[Stroke, ...]
    roles: Mapping[str, str]
    rate: float
    peak: float
    load: LoadSpec

    @property
    def loaded(self) -> bool:
        """Return whether anything is sent."""
        return self.scenario.load.sent

    @property
    def targets(self) -> frozenset[str]:
        """Everybody who is struck."""
        return frozenset(name for stroke in self.strokes for name in stroke.targets)

    @property
    def span_s(self) -> float:
        """From the time 0 to the planned end of the last fault and of the spike."""
        ends = [stroke.at_s + stroke.length_s for stroke in self.strokes]
        return max([*ends, self.scenario.load.peak_s or 0.0])


def plan(
    scenario: Scenario, state: State, servers: Mapping[str, Info], settings: Settings, seed: int
) -> Plan:
    """Plan a trial; raises NotApplicableError if the topology lacks a role."""
    roles = {server.name: server.role for server in state.servers}
    strokes = _strokes(scenario, state, seed)
    rate, peak = rates(scenario.load, roles, servers, strokes)
    made = Plan(scenario, state.topology, seed, strokes, roles, rate, peak, spec.from_settings(settings))
    return replace(made, load=_load(made))


def _strokes(scenario: Scenario, state: State, seed: int) -> tuple[Stroke, ...]:
    draw = random.Random(seed)  # noqa: S311 - a choice that can be repeated, not a secret
    made: list[Stroke] = []
    struck: dict[str, None] = {}
    for number, fault in enumerate(scenario.faults):
        names = targets.resolve(fault.target, state, count=fault.count, seed=seed + number, struck=struck)
        struck |= dict.fromkeys(names)
        late_s = draw.uniform(0, fault.jitter_s)
        for turn in range(fault.repeat):
            at_s = fault.at_s + late_s + turn * (fault.every_s or 0.0)
            made.append(Stroke(fault.fault, names, at_s, fault.length_s, fault.parameters))
    strokes = tuple(sorted(made, key=lambda stroke: stroke.at_s))
    _refuse_overlaps(strokes)
    return strokes


def _refuse_overlaps(strokes: Sequence[Stroke]) -> None:
    """Raise ScenarioError where two faults inside one predictor overlap: it has one at a time."""
    inside = [one for one in strokes if faults.load(one.fault).limit == PREDICTOR]
    for number, later in enumerate(inside):
        for earlier in inside[:number]:
            both = sorted(set(earlier.targets) & set(later.targets))
            if both and later.at_s < earlier.at_s + earlier.length_s:
                raise ScenarioError(
                    f"{earlier.fault} and {later.fault} overlap on {both[0]}",
                    cause="a predictor has one fault inside it at a time: the later would end the earlier",
                    remedy="let the later one start (at_s) after the earlier one, or strike another server",
                )


def capacity_of(servers: Mapping[str, Info], names: Iterable[str]) -> float:
    """Return what these servers carry together (requests/s).

    Raise LabError where one does not state it.
    """
    total = 0.0
    for name in names:
        capacity = servers[name].capacity_per_s
        if capacity is None:
            raise LabError(
                f"the load is a share of what the servers carry, and {name} states no capacity",
                cause="it serves the bare model, or one that costs CPU time: its capacity is the machine's",
                remedy="make up SERVICE_MS=20; or give requests/s, not shares: rate, peak_rate, CHAOS_RATE",
            )
        total += capacity
    return total


def survivors(
    roles: Mapping[str, str], servers: Mapping[str, Info], strokes: Sequence[Stroke]
) -> tuple[str, ...]:
    """Return who can be in service while the faults last.

    As many as there are actives, at least one.

    Standbys take the place of struck actives; where there is a choice, the smallest do.
    """
    struck = {name for stroke in strokes for name in stroke.targets}
    actives = [name for name, role in roles.items() if role == ACTIVE]
    left = [name for name in actives if name not in struck]

    def size(name: str) -> float:
        return servers[name].capacity_per_s or 0.0

    standbys = sorted((name for name in roles if name not in actives and name not in struck), key=size)
    serving = (*left, *standbys[: len(actives) - len(left)])
    return serving or (min(roles, key=size),)


def rates(
    load: LoadPlan, roles: Mapping[str, str], servers: Mapping[str, Info], strokes: Sequence[Stroke]
) -> tuple[float, float]:
    """Return the rate and the peak's rate (requests/s).

    Without a peak both are the same, without load 0.
    """
    if not load.sent:
        return 0.0, 0.0
    actives = [name for name, role in roles.items() if role == ACTIVE]
    if load.rate is not None:
        rate = load.rate
    elif load.share is not None:
        rate = load.share * capacity_of(servers, actives)
    else:
        share = load.share_of_survivors or 0.0
        rate = share * capacity_of(servers, survivors(roles, servers, strokes))
    if load.peak_rate is not None:
        return rate, load.peak_rate
    return rate, rate if load.peak_share is None else load.peak_share * capacity_of(servers, actives)


def _load(plan: Plan) -> LoadSpec:
    """Return the load of a plan.

    Limits and arrivals as a person set them, all else as the scenario says.
    """
    load, scenario = plan.scenario.load, plan.scenario
    longest_s = load.before_s + plan.span_s + scenario.recovery.within_s + load.after_s + SLACK_S
    common = replace(
        plan.load,
        pattern=load.pattern,
        users=0,
        rate_per_s=plan.rate,
        rate_max_per_s=max(plan.rate, plan.peak),
        seed=plan.seed,
        duration_s=longest_s,
        beyond_s=-1.0,
    )
    if load.pattern == "spike":
        # Locust's spike lies in the middle of its run: this long a run puts its start at the time
        # 0. What comes after the spike is as long as what came before.
        peak_s = load.peak_s or 0.0
        around_s = max(load.before_s, 1.0)
        return replace(common, spike_s=peak_s, duration_s=2 * around_s + peak_s)
    if load.pattern == "ramp":
        slope = (plan.peak - plan.rate) / load.before_s
        return replace(common, ramp_per_s=slope) if slope > 0 else replace(common, pattern="constant")
    return common
