"""The rules: decide(observation, policy, now) -> Decision.

Pure: no I/O, no clock, frozen data in and out.

Words. A server is *healthy* when HAProxy's check says up and nothing newer says it is dead; *in
rotation* when its weight is above 0 and no person took it out; *in service* when both. A standby
(initial weight 0) is *parked* at weight 0 and *promoted* above it. It is *proven* when its last
check passed, its tripwire is connected and Docker, if it can be reached, says that its container
runs.

1. Mark down. A server is dead when its tripwire ended and connecting anew was refused or timed out,
   or when Docker says that its container does not run, is paused, or was just sent SIGKILL. HAProxy
   is told at once (`health down`), before its own checks know. That holds until the next good
   checks, with or without a controller. Nothing but death takes a server out this way, so the last
   server that could answer is never taken out.
2. Promote, one of:
   - Failure: for each active server that is not in service, one standby, as long as one is proven.
   - Saturation: when every server in service is at its limit or has a queue (or requests wait for
     any server), for saturation_s without a break: one standby. The time starts anew with it, so
     that a further one follows only if the first was not enough. Overload never marks a server down
     or restarts it.
3. Demote one promoted standby (weight 0: it finishes what it has, no request is cut) when
   - more standbys are in service than active servers are missing, where an active server counts as
     missing until it has been in service for stable_s, and
   - the load would fit the servers that remain, and has for stable_s: their sessions and queues
     (smoothed) fill at most 1 - reserve of their limits, and, if the capacity of a server was
     measured during a saturation, the request rate is at most 1 - reserve of the capacity of those
     that remain.
   So a standby that was promoted stays for at least stable_s, and one that the load needs stays. A
   promoted standby that is itself not in service is parked as soon as no active server is missing.
   At least one server always remains in service.
4. Bring back.
   - A container that exited is started: first_start_pause_s after its end (the promotion goes
     first), then with pauses that double from start_pause_s to start_pause_max_s. The pauses start
     anew when it has been up for proven_s, or when it was killed from outside after it had been
     stable.
   - A container that ended on purpose stays stopped: Docker saw a `stop`, or its exit code is 0 or
     143.
   - A container that Docker is restarting, creating or removing is Docker's business.
   - A container that runs, or is paused, but is not healthy for unready_restart_s is restarted, not
     before start_grace_s after its start, with the same pauses.
5. What a person did stays: a server in drain or maintenance, and an active server of weight 0 (the
   controller never sets that), is treated as missing and left alone. The weights of standbys are
   the controller's.

While HAProxy does not answer, only rule 4's starts apply. While Docker does not answer, rules 1 to
3 go on. A note says what is deliberately not done, and why.
"""

from controller.model import (
    Action,
    Admin,
    Container,
    Decision,
    LinkState,
    Note,
    Observation,
    Policy,
    ServerView,
)
from controller.observe import remaining
from hadr.contract import Role, Verb

ON_PURPOSE = (0, 143)  # a clean exit, and an exit by SIGTERM
DOCKERS_BUSINESS = {
    "restarting": "Docker is restarting its container",
    "created": "its container was created but never started; left to whoever created it",
    "removing": "its container is being removed",
    "dead": "its container could not be removed; see `docker logs` and `docker inspect`",
}


def decide(observation: Observation, policy: Policy, now: float) -> Decision:
    """Apply the rules of the module's docstring; `now` is in seconds, monotonic."""
    actions: list[Action] = []
    notes: list[Note] = []
    if observation.haproxy_reachable:
        promotions, without = _promote(observation, policy, now)
        # Promotions first: if the dead server was the last, requests never find an empty backend.
        actions += promotions
        notes += without
        actions += [_mark_down(server) for server in observation.servers if server.dead and server.haproxy.up]
        if not promotions:
            actions += _demote(observation, policy, now)
    for server in observation.servers:
        outcome = _bring_back(server, observation, policy, now)
        if isinstance(outcome, Action):
            actions.append(outcome)
        elif outcome is not None:
            notes.append(outcome)
    return Decision(tuple(actions), tuple(notes))


def is_proven(server: ServerView, *, engine_reachable: bool) -> bool:
    """Return whether every source that can be asked says that the server would answer."""
    container = server.container
    runs = not engine_reachable or (container is not None and container.state == "running")
    checked = server.haproxy.check.endswith("OK")  # after HAProxy's start, up is only assumed
    return server.healthy and checked and runs and server.link.state is LinkState.CONNECTED


def why_out(server: ServerView) -> str:
    """Return why a server is not in service, to be read after its name; "" if it is."""
    row = server.haproxy
    answers = (
        (server.dead, server.dead_reason),
        (row.admin is Admin.RESOLUTION, "has a name that HAProxy cannot resolve"),
        (row.admin is not Admin.READY, f"was put into {row.admin} by a person"),
        (not row.up and row.check.endswith("OK"), "is coming back, its last check passed"),
        (not row.up, f"failed its checks ({row.check} {row.check_text}".rstrip() + ")"),
        (row.weight == 0 and server.role is Role.ACTIVE, "was given weight 0 by a person"),
    )
    return next((words for applies, words in answers if applies), "")


def signals(server: ServerView) -> tuple[str, ...]:
    """List what each source says against a server, as "source: fact"."""
    result = []
    if server.link.state is LinkState.REFUSED:
        result.append(f"tripwire: {server.link.detail or 'refused connections'}")
    if server.container is not None and server.container.state != "running":
        code = "" if server.container.exit_code is None else f", exit code {server.container.exit_code}"
        result.append(f"docker: {server.container.state}{code}")
    if not server.haproxy.up:
        result.append(f"check: {server.haproxy.check or 'down'} {server.haproxy.check_text}".strip())
    return tuple(result)


def _names(servers: list[ServerView] | tuple[ServerView, ...]) -> str:
    names = [server.name for server in servers]
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


def _mark_down(server: ServerView) -> Action:
    reason = f"{server.name} {server.dead_reason}; out of rotation before HAProxy's checks notice"
    return Action(Verb.MARK_DOWN, server.name, reason, signals(server))


def _promote(observation: Observation, policy: Policy, now: float) -> tuple[list[Action], list[Note]]:
    standbys = [server for server in observation.servers if server.role is Role.STANDBY]
    missing = [s for s in observation.servers if s.role is Role.ACTIVE and not s.in_service]
    replaced = sum(server.in_service for server in standbys)
    parked = [server for server in standbys if server.haproxy.weight == 0]
    spare = [s for s in parked if is_proven(s, engine_reachable=observation.engine_reachable)]
    actions, notes = [], []
    for server in missing[replaced:]:
        if spare:
            standby = spare.pop(0)
            reason = f"{server.name} {why_out(server)}; {standby.name} takes its place"
            actions.append(Action(Verb.PROMOTE, standby.name, reason, signals(server)))
        else:
            why = f"{why_out(server)}; nobody takes its place: {_nobody(standbys, parked)}"
            notes.append(Note(server.name, f"{server.name} {why}"))
    since = observation.load.saturated_since
    if not actions and since is not None and now - since >= policy.saturation_s:
        serving = observation.in_service
        limit = sum(server.haproxy.limit for server in serving)
        are = "is" if len(serving) == 1 else "are"
        what = f"{_names(serving)} {are} saturated: {limit} requests at a time for {policy.saturation_s} s"
        if spare:
            told = (f"saturation: {observation.load.sessions:.0f} requests at a limit of {limit}",)
            actions.append(Action(Verb.PROMOTE, spare[0].name, f"{what}; {spare[0].name} joins them", told))
        else:
            notes.append(Note("", f"{what}; nobody joins them: {_nobody(standbys, parked)}"))
    return actions, notes


def _nobody(standbys: list[ServerView], parked: list[ServerView]) -> str:
    if not standbys:
        return "this topology has no standby"
    if not parked:
        return "every standby is promoted already"
    whys = [f"{server.name} {why_out(server) or 'is not proven healthy yet'}" for server in parked]
    return "no standby is proven healthy (" + "; ".join(whys) + ")"


def _demote(observation: Observation, policy: Policy, now: float) -> list[Action]:
    actives = [server for server in observation.servers if server.role is Role.ACTIVE]
    stable = [s for s in actives if s.serving_since is not None and now - s.serving_since >= policy.stable_s]
    promoted = [s for s in observation.servers if s.role is Role.STANDBY and s.in_rotation]
    fallen = [server for server in promoted if not server.in_service]
    if fallen and len(stable) == len(actives):
        reason = f"every active server is in service; {fallen[-1].name} {why_out(fallen[-1])} and is parked"
        return [Action(Verb.DEMOTE, fallen[-1].name, reason, signals(fallen[-1]))]
    serving = [server for server in promoted if server.in_service]
    surplus = len(serving) - (len(actives) - len(stable))
    fits_since = observation.load.fits_since
    if surplus <= 0 or fits_since is None or now - fits_since < policy.stable_s:
        return []
    leaver = serving[-1]
    rest = remaining(observation)
    if not rest:
        return []
    load = f"{observation.load.sessions:.0f} requests at a time, {observation.load.rate:.0f} per second"
    who = _names([server for server in observation.in_service if server is not leaver])
    carry = "carries" if len(rest) == 1 else "carry"
    reason = f"{who} {carry} the load ({load}) with a reserve, stable for {policy.stable_s:g} s"
    return [Action(Verb.DEMOTE, leaver.name, f"{reason}; {leaver.name} drains", ())]


def _bring_back(
    server: ServerView, observation: Observation, policy: Policy, now: float
) -> Action | Note | None:
    container = server.container
    if server.busy or not observation.engine_reachable:
        return None
    if container is None:
        return Note(server.name, f"no container of this project backs {server.name}; see `docker compose ps`")
    if server.held_back:
        why = why_out(server) or "was taken out by a person"
        return Note(server.name, f"{server.name} {why}; left alone")
    if container.state in DOCKERS_BUSINESS:
        return Note(server.name, DOCKERS_BUSINESS[container.state])
    if container.state == "exited":
        return _start(server, container, policy, now)
    return _restart(server, container, policy, now) if observation.haproxy_reachable else None


def _start(server: ServerView, container: Container, policy: Policy, now: float) -> Action | Note | None:
    code = container.exit_code
    if container.stop_seen or code in ON_PURPOSE:
        how = "was stopped by a person" if container.stop_seen else f"ended on purpose (exit code {code})"
        return Note(server.name, f"{server.name} {how}; stays stopped until a person starts it")
    # From Docker's word on, not from the tripwire's: Docker may be about to restart a crashed one
    # itself.
    if now < max(container.since + policy.first_start_pause_s, _not_before(server, policy)):
        return None
    ended = "was killed" if container.kill_seen else "ended"
    again = f", start {server.starts + 1} in a row" if server.starts else ""
    reason = f"the container of {server.name} {ended} (exit code {code}); started again{again}"
    return Action(Verb.START, server.name, reason, signals(server))


def _restart(server: ServerView, container: Container, policy: Policy, now: float) -> Action | None:
    if server.down_since is None or now < _not_before(server, policy):
        return None
    unready_s = now - server.down_since
    if unready_s < policy.unready_restart_s or now - container.started_at < policy.start_grace_s:
        return None
    what = "is paused" if container.state == "paused" else "is alive but not ready"
    reason = f"{server.name} {what} for {unready_s:.0f} s; restarted"
    return Action(Verb.RESTART, server.name, reason, signals(server))


def _not_before(server: ServerView, policy: Policy) -> float:
    """Return when the next start or restart is due at the earliest.

    Pauses of 1, 2, 4, ... start_pause_s.
    """
    if server.starts == 0 or server.last_start is None:
        return 0.0
    pause_s = policy.start_pause_s * 2.0 ** min(server.starts - 1, 30)
    return server.last_start + min(pause_s, policy.start_pause_max_s)
