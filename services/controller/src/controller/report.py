"""Observation -> the words of GET /state. Pure."""

from controller.decide import why_out
from controller.model import Admin, Decision, Observation, Policy, ServerView
from hadr.contract import Health, Role, StateHead, StateReply


def health(server: ServerView, now: float, policy: Policy) -> Health:
    """Return a server's health: up, down, starting (its container began lately) or maintenance."""
    if server.haproxy.admin is Admin.MAINT:
        return Health.MAINTENANCE
    if server.healthy:
        return Health.UP
    container = server.container
    runs = container is not None and container.state == "running" and not server.dead
    if container is not None and runs and now - container.started_at < policy.start_grace_s:
        return Health.STARTING
    return Health.DOWN


def reasons(observation: Observation, decision: Decision) -> dict[str, str]:
    """Return by server, in a sentence, why it is where it is."""
    notes = {note.server: note.text for note in decision.notes}
    missing = [s for s in observation.servers if s.role is Role.ACTIVE and not s.in_service]
    result = {}
    for server in observation.servers:
        if server.role is Role.STANDBY and server.in_service:
            if missing:
                replaced = missing.pop(0)
                result[server.name] = f"in place of {replaced.name}, which {why_out(replaced)}"
            else:
                result[server.name] = "promoted; parked again when the others are stable and carry the load"
            continue
        result[server.name] = notes.get(server.name) or _plain(server)
    return result


def steadiness(observation: Observation, decision: Decision, pending: int) -> tuple[bool, str]:
    """Return whether every server is where its topology puts it, and why not."""
    if not observation.haproxy_reachable:
        return False, "HAProxy does not answer"
    if not observation.engine_reachable:
        return False, "Docker does not answer"
    words = reasons(observation, decision)
    for server in observation.servers:
        expected = server.in_service if server.role is Role.ACTIVE else server.haproxy.weight == 0
        if not server.healthy or server.held_back or not expected:
            return False, f"{server.name}: {words[server.name]}"
    if pending or decision.actions or any(server.busy for server in observation.servers):
        return False, "an action is not confirmed yet"
    return True, "every server is healthy, actives in rotation, standbys parked"


def state(
    observation: Observation, decision: Decision, policy: Policy, pending: int, head: StateHead
) -> StateReply:
    """Return the reply to /state, which begins with `head`."""
    steady, why = steadiness(observation, decision, pending)
    words = reasons(observation, decision)
    return {
        **head,
        "steady": steady,
        "steady_reason": why,
        "engine_reachable": observation.engine_reachable,
        "haproxy_reachable": observation.haproxy_reachable,
        "servers": [
            {
                "name": server.name,
                "role": str(server.role),
                "region": server.container.region if server.container else "",
                "health": health(server, observation.now, policy),
                "container": _container(server, observation),
                "tripwire": str(server.link.state),
                "in_rotation": server.in_service,
                "weight": server.haproxy.weight,
                "sessions": server.haproxy.sessions,
                "limit": server.haproxy.limit,
                "queue": server.haproxy.queue,
                "reason": words[server.name],
            }
            for server in observation.servers
        ],
    }


def _plain(server: ServerView) -> str:
    out = why_out(server)
    if server.busy:
        return f"{out}; being started" if out else "being started"
    if server.role is Role.STANDBY and server.haproxy.weight == 0:
        return f"standby; {out}" if out else "standby; parked"
    return f"{server.name} {out}" if out else "active; serves"


def _container(server: ServerView, observation: Observation) -> str:
    if server.container is not None:
        return server.container.state
    return "missing" if observation.engine_reachable else "unknown"
