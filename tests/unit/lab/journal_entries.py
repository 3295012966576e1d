"""Journal entries and HAProxy log lines as the parts write them, in short form, for the tests."""

import json
from typing import Any

from lab.parts.controller import Entry, ServerState, State

T0 = 1_763_762_400.0
"""The time of the fault in these records: epoch seconds."""

ROLES = {"predictor-1": "active", "predictor-2": "active", "predictor-3": "standby"}


def journal(*rows: tuple[float, str, dict[str, Any]]) -> tuple[Entry, ...]:
    """Make entries from (ms after T0, event, fields)."""
    return tuple(
        Entry.from_raw(
            {"seq": seq, "time": T0 + ms / 1000, "monotonic": 50 + ms / 1000, "event": event, **fields}
        )
        for seq, (ms, event, fields) in enumerate(rows, 1)
    )


def signalled(
    ms: float, source: str, kind: str, what: str = "a sentence for people", server: str = "predictor-1"
) -> tuple[float, str, dict[str, Any]]:
    """Make the row of a signal."""
    return ms, "signal", {"source": source, "kind": kind, "server": server, "what": what}


def log_line(
    ms: float,
    took_ms: float,
    server: str = "predictor-2",
    *,
    status: int = 200,
    retries: str = "0",
    state: str = "--",
    sent: int = 250,
) -> str:
    """Make a log line as HAProxy writes it: a request that came `ms` after T0 and took `took_ms`.

    It came on a connection that had been idle for 500 ms, which HAProxy's total time includes.
    """
    return json.dumps(
        {
            "time_us": round((T0 + ms / 1000) * 1e6),
            "accepted_us": round((T0 + (ms - 500) / 1000) * 1e6),
            "id": f"request-{ms:g}",
            "status": status,
            "server": server,
            "retries": retries,
            "time_active_ms": took_ms,
            "time_total_ms": took_ms + 500,
            "termination_state": state,
            "bytes_sent": sent,
        }
    )


def server(name: str, role: str = "active", health: str = "up", *, container: str = "running") -> ServerState:
    """Make one server's state."""
    weight = 100 if role == "active" else 0
    serves = weight > 0 and health == "up"
    tripwire = "connected" if health == "up" else "refused"
    return ServerState(
        name, role, "region-1", health, container, serves, weight, 2, 10, 0, f"{role}; as it should", tripwire
    )


def state(
    *servers: ServerState, steady: bool = True, reason: str = "all is well", topology: str = "2-active"
) -> State:
    """Make the state of the system; 2-active without arguments."""
    shown = servers or tuple(server(name, role) for name, role in ROLES.items())
    return State(
        topology, "1", T0, steady, reason, engine_reachable=True, haproxy_reachable=True, servers=shown
    )


KILLED_AND_REPLACED = journal(
    signalled(-900, "tripwire", "tripwire_ended", "an old one"),
    signalled(18.4, "tripwire", "tripwire_ended", "connection ended, then refused"),
    (
        18.6,
        "observation",
        {"server": "predictor-1", "change": {"health": ["up", "down"], "tripwire": ["connected", "refused"]}},
    ),
    (
        18.9,
        "decision",
        {
            "action": "mark_down",
            "server": "predictor-1",
            "reason": "predictor-1 refused connections",
            "signals": ["tripwire"],
        },
    ),
    (
        19.0,
        "decision",
        {
            "action": "promote",
            "server": "predictor-3",
            "reason": "predictor-1 refused connections; predictor-3 takes its place",
            "signals": ["tripwire"],
        },
    ),
    (
        20.1,
        "action",
        {
            "action": "promote",
            "server": "predictor-3",
            "command": "set server predictors/predictor-3 weight 100",
            "result": "ok",
            "took_ms": 0.8,
        },
    ),
    (21.7, "confirmed", {"action": "promote", "server": "predictor-3", "took_ms": 2.4}),
    signalled(96.2, "docker", "died", "die, exit code 137"),
    (96.4, "observation", {"server": "predictor-1", "change": {"container": ["running", "exited"]}}),
    (
        297.0,
        "decision",
        {"action": "start", "server": "predictor-1", "reason": "killed from outside", "signals": ["docker"]},
    ),
    (
        690.0,
        "action",
        {"action": "start", "server": "predictor-1", "command": "start", "result": "ok", "took_ms": 393.0},
    ),
    (702.0, "confirmed", {"action": "start", "server": "predictor-1", "took_ms": 12.0}),
    (2905.0, "observation", {"server": "predictor-1", "change": {"health": ["down", "up"]}}),
    (
        7908.0,
        "decision",
        {"action": "demote", "server": "predictor-3", "reason": "predictor-1 is stable", "signals": []},
    ),
    (7910.0, "confirmed", {"action": "demote", "server": "predictor-3", "took_ms": 1.0}),
)
