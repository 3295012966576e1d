"""Snapshot + the observation before -> Observation. Pure: no I/O, no clock.

Only what has to be remembered is: since when. All else is read anew from HAProxy and Docker each
time, so a controller that starts in the middle of a failure sees the same as one that watched it
happen. In the first observation HAProxy's own "last change" stands in for the history; the timers
of the load start anew.

Evidence of death (a refused tripwire, a container that does not run) counts only while it is newer
than HAProxy's last transition to up, and a tripwire's only for the address that HAProxy uses. So
evidence that is out of date, from the moments in which a server comes back, can never take that
server out again.
"""

import math
from dataclasses import replace
from typing import Any

from controller.model import (
    DYING,
    Container,
    HaproxyServer,
    Link,
    LinkState,
    Load,
    Observation,
    Policy,
    ServerView,
    Snapshot,
)
from hadr.contract import Role

CAPACITY_WINDOW_S = 0.2  # below this a handful of requests would make the figure a guess


def observe(previous: Observation | None, snapshot: Snapshot, policy: Policy, now: float) -> Observation:
    """Make the new observation. While HAProxy does not answer, its last known rows stand in."""
    before = {server.name: server for server in previous.servers} if previous else {}
    rows = snapshot.haproxy.servers if snapshot.haproxy else tuple(view.haproxy for view in before.values())
    servers = tuple(_server(row, before.get(row.name), snapshot, policy, now) for row in rows)
    observation = Observation(
        now=now,
        haproxy_reachable=snapshot.haproxy is not None,
        engine_reachable=snapshot.engine_reachable,
        servers=servers,
    )
    if snapshot.haproxy is None:
        return observation
    return replace(observation, load=_load(previous, observation, snapshot.haproxy.queue, policy))


def changes(previous: Observation | None, current: Observation) -> dict[str, dict[str, list[Any]]]:
    """List what a reader of the journal wants to see change: server -> field -> [before, after]."""
    before = {server.name: _shown(server) for server in previous.servers} if previous else {}
    result = {}
    for server in current.servers:
        old, new = before.get(server.name, {}), _shown(server)
        changed = {key: [old.get(key), value] for key, value in new.items() if old.get(key) != value}
        if changed:
            result[server.name] = changed
    return result


def remaining(observation: Observation) -> tuple[ServerView, ...]:
    """Return the servers in service without one promoted standby; empty if none is promoted.

    The standby with the largest limit is the one left out, so that the answer errs on the safe
    side.
    """
    serving = observation.in_service
    standbys = [server for server in serving if server.role is Role.STANDBY]
    if not standbys:
        return ()
    leaver = max(standbys, key=lambda server: server.haproxy.limit)
    return tuple(server for server in serving if server is not leaver)


def _shown(server: ServerView) -> dict[str, Any]:
    return {
        "health": "up" if server.healthy else "down",
        "check": "up" if server.haproxy.up else "down",
        "tripwire": str(server.link.state),
        "container": server.container.state if server.container else None,
        "weight": server.haproxy.weight,
        "admin": str(server.haproxy.admin),
    }


def _server(
    row: HaproxyServer, before: ServerView | None, snapshot: Snapshot, policy: Policy, now: float
) -> ServerView:
    link = snapshot.links.get(row.name, Link())
    if link.address != row.address:
        link = Link(address=row.address)  # it speaks of an address that the server had before
    container = snapshot.containers.get(row.name) if snapshot.engine_reachable else None
    up_since = _up_since(row, before, now) if row.up else None
    dead_reason = _dead_reason(link, container, up_since, before)
    view = ServerView(
        haproxy=row,
        role=Role.STANDBY if row.initial_weight == 0 else Role.ACTIVE,
        link=link,
        container=container,
        up_since=up_since,
        serving_since=None,
        down_since=None,
        dead_since=_since(before.dead_since if before else None, now) if dead_reason else None,
        dead_reason=dead_reason,
        busy=row.name in snapshot.busy,
    )
    first = now if before else now - max(0.0, row.last_change_s - 1)
    if view.in_service:
        view = replace(view, serving_since=_since(before.serving_since if before else None, first))
    # A container that runs (a frozen one included) and does not answer.
    if not view.healthy and container is not None and container.state in ("running", "paused"):
        view = replace(view, down_since=_since(before.down_since if before else None, first))
    return _with_starts(view, before, snapshot, policy, now)


def _since(before: float | None, first: float) -> float:
    return first if before is None else before


def _up_since(row: HaproxyServer, before: ServerView | None, now: float) -> float:
    """Return since when a server has been up.

    HAProxy counts whole seconds: a second is taken off or allowed for, so as never to claim too
    much.
    """
    by_haproxy = now - max(0.0, row.last_change_s - 1)
    if before is None:
        return by_haproxy
    if before.up_since is None or row.last_change_s + 2 < now - before.up_since:
        return now  # it came up since the last look, or went down and up between two looks
    return before.up_since


def _dead_reason(
    link: Link, container: Container | None, up_since: float | None, before: ServerView | None
) -> str:
    newer_than = -math.inf if up_since is None else up_since
    if link.state is LinkState.REFUSED and link.since >= newer_than:
        return link.detail or "refused connections"
    if container is not None and container.state != "running" and container.since >= newer_than:
        # The tripwire was first; its reason stays the reason although Docker has confirmed it
        # since.
        return before.dead_reason if before and before.dead else _container_reason(container)
    return ""


def _container_reason(container: Container) -> str:
    if container.state == "exited" and container.exit_code is not None:
        return f"ended with exit code {container.exit_code}"
    if container.state == DYING:
        return "was killed (SIGKILL)"
    return "was paused" if container.state == "paused" else f"has a container that is {container.state}"


def _with_starts(
    view: ServerView, before: ServerView | None, snapshot: Snapshot, policy: Policy, now: float
) -> ServerView:
    """Count the starts since the server last proved itself.

    decide() turns them into growing pauses.
    """
    starts, last, proven = (before.starts, before.last_start, before.proven) if before else (0, None, True)
    if view.up_since is not None:
        proven = proven or view.up_since <= now - policy.stable_s
        if view.up_since <= now - policy.proven_s:
            starts = 0
    if proven and view.container is not None and view.container.kill_seen:
        starts = 0  # killed from outside after it had been stable: that says nothing against it
    for order in snapshot.orders:
        if order.server == view.name:
            starts, last, proven = starts + 1, order.at, False
    return replace(view, starts=starts, last_start=last, proven=proven)


def _load(previous: Observation | None, current: Observation, queue: int, policy: Policy) -> Load:
    serving = current.in_service
    rows = [server.haproxy for server in current.servers]
    sessions = queue + sum(row.sessions + row.queue for row in rows)
    total = sum(row.total for row in rows)
    known = previous is not None and previous.haproxy_reachable
    old = previous.load if previous is not None and known else Load(sessions=sessions, total=total)
    elapsed_s = current.now - previous.now if previous is not None and known else 0.0
    fading = math.exp(-elapsed_s / policy.load_smoothing_s)
    sent = max(0, total - old.total)  # HAProxy restarted: its counters begin anew
    load = Load(
        sessions=sessions + (old.sessions - sessions) * fading,
        rate=old.rate * fading + (sent / elapsed_s * (1 - fading) if elapsed_s > 0 else 0.0),
        total=total,
        capacity=old.capacity,
        capacity_at=old.capacity_at,
    )
    same = previous is not None and _names(previous.in_service) == _names(serving)
    if serving and (queue > 0 or all(server.saturated for server in serving)):
        going_on = same and old.saturated_since is not None
        load = replace(
            load,
            saturated_since=old.saturated_since if going_on else current.now,
            saturated_total=old.saturated_total if going_on else total,
        )
    load = _with_capacity(load, previous, current, policy)
    if _fits(load, remaining(current), policy):
        going_on = same and old.fits_since is not None
        load = replace(load, fits_since=old.fits_since if going_on else current.now)
    return load


def _with_capacity(load: Load, previous: Observation | None, current: Observation, policy: Policy) -> Load:
    """Learn what one server can do: the throughput while every server in service was saturated."""
    failing = {server.name for server in current.servers if server.in_rotation and not server.healthy}
    if previous is not None and failing & set(_names(previous.in_service)):
        return replace(load, capacity=None)  # measured while a server was failing: not its capacity
    count = max(1, len(current.in_service))
    if load.saturated_since is not None and current.now - load.saturated_since >= CAPACITY_WINDOW_S:
        throughput = (load.total - load.saturated_total) / (current.now - load.saturated_since)
        return replace(load, capacity=throughput / count, capacity_at=current.now)
    if load.capacity is None or current.now - load.capacity_at > policy.capacity_memory_s:
        return replace(load, capacity=None)
    return replace(load, capacity=max(load.capacity, load.rate / count))


def _fits(load: Load, rest: tuple[ServerView, ...], policy: Policy) -> bool:
    if not rest or load.saturated_since is not None:
        return False
    share = 1 - policy.reserve
    limits = [server.haproxy.limit for server in rest]
    few_sessions = 0 in limits or load.sessions <= share * sum(limits)
    low_rate = load.capacity is None or load.rate <= share * load.capacity * len(rest)
    return few_sessions and low_rate


def _names(servers: tuple[ServerView, ...]) -> tuple[str, ...]:
    return tuple(server.name for server in servers)
