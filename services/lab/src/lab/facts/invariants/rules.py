"""The rules themselves: evidence -> what broke a rule, what is missing, what it saw. Pure.

The controller's journal tells what it did and what it had observed before; a rule is broken only by
what the records show, so a moment's slack is given where two records' order is not certain.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from hadr.contract import Event, Kind, Verb
from lab.facts.invariants.evidence import Evidence
from lab.facts.server_history import Known
from lab.parts.controller import ACTIVE, STANDBY, UP, Entry
from lab.records.times import clock


class Told(NamedTuple):
    """What the records say of a rule: `seen` is how many events it applied to; 0 proves nothing."""

    broken: list[str]
    missing: list[str]
    seen: int


SLACK_S = 0.05
"""The journal's time of an observation and HAProxy's of a request are compared with this slack."""
TICK_S = 0.2
"""A controller looks at least so often (the default of CONTROLLER_TICK_S): a person's command to
HAProxy is observed so late at most."""
NO_POLICY = "the journal has no entry `started` with the policy"


def promoted_only_proven(evidence: Evidence) -> Told:
    """A server is promoted only if check, tripwire and container said that it would answer."""
    broken, missing, promotions = [], list(evidence.gaps), list(evidence.actions(Verb.PROMOTE))
    for entry in promotions:
        server = entry.text("server")
        known = evidence.history.at(server, entry.time)
        against = _against(known)
        if against:
            broken.append(f"{clock(entry.time)} {server} was promoted although {against}")
        elif untold := _untold(known, docker_silent=_docker_silent(evidence, entry.time)):
            missing.append(f"{clock(entry.time)} {server} was promoted; no record shows its {untold}")
    return Told(broken, missing, len(promotions))


def _untold(known: Known, *, docker_silent: bool) -> str:
    """Name what a promotion needs and no record tells; no container while Docker is silent."""
    needed = {"check": known.check, "tripwire": known.tripwire}
    if not docker_silent:
        needed["container"] = None if known.container == "unknown" else known.container
    return ", ".join(name for name, value in needed.items() if value is None)


def _docker_silent(evidence: Evidence, time: float) -> bool:
    """Return whether the last word about Docker before a moment was that it does not answer."""
    about = (Kind.ENGINE_REACHABLE, Kind.ENGINE_UNREACHABLE)
    kinds = [entry.text("kind") for entry in evidence.entries if entry.time < time]
    words = [kind for kind in kinds if kind in about]
    return words[-1:] == [Kind.ENGINE_UNREACHABLE]


def _against(known: Known) -> str:
    """Return in words what was known against a server."""
    reasons = (
        (known.health not in (None, UP), f"it was {known.health}"),
        (known.check not in (None, UP), f"HAProxy's checks said {known.check}"),
        (known.tripwire not in (None, "connected"), f"its tripwire was {known.tripwire}"),
        (known.container not in (None, "running", "unknown"), f"its container was {known.container}"),
        (known.admin not in (None, "ready"), f"it was in {known.admin}"),
    )
    return " and ".join(text for applies, text in reasons if applies)


def last_one_stays(evidence: Evidence) -> Told:
    """The last server that could answer stays in rotation."""
    broken, taken_out = [], list(evidence.actions(Verb.MARK_DOWN, Verb.DEMOTE))
    for entry in taken_out:
        server = entry.text("server")
        # A demoted standby leaves healthy; a server is marked down because it is dead.
        able = evidence.history.at(server, entry.time)
        others = [
            name
            for name in evidence.roles
            if name != server and evidence.history.at(name, entry.time).in_service
        ]
        promoted = any(
            abs(each.time - entry.time) < SLACK_S and each.text("server") != server
            for each in evidence.actions(Verb.PROMOTE)
        )
        if not others and not promoted and able.alive and (able.in_service or able.health == UP):
            broken.append(
                f"{clock(entry.time)} {server} was {_done(entry)} although alive, and nobody else served"
            )
    return Told(broken, list(evidence.gaps), len(taken_out))


def _done(entry: Entry) -> str:
    return "marked down" if entry.text("action") == Verb.MARK_DOWN else "demoted"


def drained_left_alone(evidence: Evidence) -> Told:
    """A server out of rotation gets no new request.

    Of the fallback backend's, only one in maintenance.
    """
    broken, missing, seen = [], list(evidence.gaps), 0
    if not evidence.ledger_complete:
        missing.append("the ledger is not complete")
    for server in evidence.roles:
        out = ""
        for start, end, known in evidence.history.spans(server):
            out, before = _out(known), out
            if not out:
                continue
            seen += not before
            maintenance = known.admin == "maint"
            # A promotion takes effect with the command, before an observation shows it; what a
            # person ended, the controller observes at its next look.
            promoted = [
                entry.time - float(entry.raw.get("took_ms") or 0) / 1000
                for entry in evidence.actions(Verb.PROMOTE)
                if entry.text("server") == server and start < entry.time <= end
            ]
            begun, over = start + SLACK_S, min(promoted, default=end - TICK_S) - SLACK_S
            for request_id, at in evidence.requests_between(server, begun, over, fallback=maintenance):
                broken.append(f"{clock(at)} {server}, {out}, got the request {request_id}")
    return Told(broken, missing, seen)


def _out(known: Known) -> str:
    if known.admin in ("maint", "drain"):
        return f"in {known.admin}"
    return "drained (weight 0)" if known.weight == 0 else ""


def demoted_when_stable(evidence: Evidence) -> Told:
    """A standby leaves only when those that it stood in for have been in service long enough."""
    demotions = list(evidence.actions(Verb.DEMOTE))
    missing = list(evidence.gaps)
    if evidence.policy is None:
        return Told([], [*missing, NO_POLICY] if demotions else missing, len(demotions))
    stable_s = float(evidence.policy["stable_s"])
    broken = [said for entry in demotions for said in _too_soon(evidence, entry, stable_s)]
    return Told(broken, missing, len(demotions))


def _too_soon(evidence: Evidence, entry: Entry, stable_s: float) -> Iterator[str]:
    """Yield why a demotion came too soon, if it did."""
    server, history = entry.text("server"), evidence.history
    if not history.at(server, entry.time).in_service:
        return  # one that cannot serve is parked as soon as nobody needs it
    least_s = stable_s - SLACK_S
    promoted = [
        each.time
        for each in evidence.actions(Verb.PROMOTE)
        if each.text("server") == server and each.time < entry.time
    ]
    if promoted and entry.time - promoted[-1] < least_s:
        yield (
            f"{clock(entry.time)} {server} was demoted {entry.time - promoted[-1]:.2f} s after its promotion "
            f"(at least {stable_s:g} s)"
        )
    since = {name: history.in_service_since(name, entry.time) for name in evidence.roles if name != server}
    actives = [name for name, role in evidence.roles.items() if role == ACTIVE]
    stable = [name for name in actives if (at := since.get(name)) is not None and entry.time - at >= least_s]
    helping = [name for name, at in since.items() if at is not None and name not in actives]
    if len(stable) + len(helping) < len(actives):
        short = ", ".join(_served(name, since[name], entry.time) for name in actives if name not in stable)
        yield f"{clock(entry.time)} {server} was demoted although {short} (at least {stable_s:g} s)"


def _served(name: str, since: float | None, time: float) -> str:
    """Return in words how long a server had been in service at a moment."""
    return f"{name} was not in service" if since is None else f"{name} had served for {time - since:.2f} s"


def back_off(evidence: Evidence) -> Told:
    """Starts in a row have growing pauses; a server that proved itself in between begins anew."""
    ordered = {
        name: [
            entry.time
            for entry in evidence.entries
            if entry.event == Event.DECISION
            and entry.text("action") in (Verb.START, Verb.RESTART)
            and entry.text("server") == name
        ]
        for name in evidence.roles
    }
    missing, seen = list(evidence.gaps), sum(map(len, ordered.values()))
    if evidence.policy is None:
        many = any(len(times) > 1 for times in ordered.values())
        return Told([], [*missing, NO_POLICY] if many else missing, seen)
    first_s, most_s = (float(evidence.policy[key]) for key in ("start_pause_s", "start_pause_max_s"))
    broken = []
    for server, times in ordered.items():
        row = 1
        for before, after in itertools.pairwise(times):
            if _proved_itself(evidence, evidence.policy, server, before, after):
                row = 1
                continue
            pause_s = min(first_s * 2 ** (row - 1), most_s)
            if after - before < pause_s - SLACK_S:
                broken.append(
                    f"{clock(after)} {server} was started {after - before:.2f} s after the start before "
                    f"(at least {pause_s:g} s: start {row + 1} in a row)"
                )
            row += 1
    return Told(broken, missing, seen)


def _proved_itself(
    evidence: Evidence, policy: Mapping[str, float], server: str, before: float, after: float
) -> bool:
    """Return whether the pauses start anew.

    It was up for proven_s, or killed from outside after stable_s.

    One that crashes by itself a while after each start is a crash loop, however stable it looked
    before.
    """
    killed = [
        entry.time
        for entry in evidence.entries
        if entry.event == Event.SIGNAL
        and entry.text("server") == server
        and entry.text("kind") in (Kind.KILLED, Kind.SIGNALLED)
        and before < entry.time < after
    ]
    for since, until in evidence.history.up_spans(server, before, after):
        up_s = until - since + SLACK_S
        # A kill before it was up belongs to the restart that `before` is.
        if up_s >= policy["proven_s"] or (up_s >= policy["stable_s"] and any(at >= since for at in killed)):
            return True
    return False


def topology_restored(evidence: Evidence) -> Told:
    """At the end each server is where its topology puts it."""
    if evidence.end is None or not evidence.roles:
        lacks = [] if evidence.end else ["settings.json has no state at the end"]
        return Told([], [*evidence.gaps, *lacks], 0)
    servers = {str(each["name"]): each for each in evidence.end.get("servers") or []}
    broken = [
        f"{name} is not part of the system at the end" for name in evidence.roles if name not in servers
    ]
    broken += [
        f"{name} was not part of the system at the start" for name in servers if name not in evidence.roles
    ]
    for name, role in evidence.roles.items():
        server = servers.get(name)
        if server is None:
            continue
        if server["health"] != UP:
            broken.append(f"{name} is {server['health']} at the end: {server.get('reason', '')}".rstrip(": "))
        elif role == ACTIVE and not server["in_rotation"]:
            broken.append(f"{name} (active) is not in rotation at the end")
        elif role == STANDBY and int(server.get("weight") or 0) > 0:
            broken.append(f"{name} (standby) is not parked at the end")
    return Told(broken, list(evidence.gaps), len(evidence.roles))


def not_after_failure(evidence: Evidence) -> Told:
    """A request that was reported as failed is not executed afterwards."""
    count = len(evidence.executed_late)
    broken = [f"{count} requests were executed after their failure was reported"] if count else []
    broken += [
        f"{each.request_id} ({each.class_}) was completed {each.after_ms:.0f} ms after the client's failure"
        for each in evidence.executed_late
    ]
    missing = [] if evidence.ledger_complete else ["the ledger is not complete"]
    return Told(broken, missing, evidence.failed)
