"""The words between the services. Whoever writes one and whoever reads it take it from here.

What a program tells another is data: a kind, a server, a source, a value. The sentences beside it
(`what`, `reason`) are for people, and no program reads them.
"""

from enum import StrEnum
from typing import TypedDict

# Headers of requests and replies.
REQUEST_ID = "X-Request-ID"
SERVED_BY = "X-Served-By"
MODEL_VERSION = "X-Model-Version"
REFUSED_BY = "X-Refused-By"  # set by HAProxy on an answer of its own that refuses on purpose


class Event(StrEnum):
    """The field `event` of a line of the controller's journal.

    Each line has seq, time, monotonic, event.
    """

    STARTED = "started"  # the controller begins: version, topology, policy
    SIGNAL = "signal"  # a source says something: source, kind, server ("": none in particular), what
    OBSERVATION = "observation"  # what is known of a server changed: server, change {field: [before, after]}
    DECISION = "decision"  # what is done, or left, and why: action, server, reason, signals
    ACTION = "action"  # it was carried out: action, server, command, result, took_ms
    CONFIRMED = "confirmed"  # an observation shows its effect: action, server, took_ms since the action began


OK = "ok"  # the field `result` of an action that was carried out; otherwise it has the error


class Verb(StrEnum):
    """The field `action` of a decision, an action and a confirmation."""

    MARK_DOWN = "mark_down"
    PROMOTE = "promote"
    DEMOTE = "demote"
    START = "start"
    RESTART = "restart"
    NONE = "none"  # a decision to leave things as they are


class Source(StrEnum):
    """The field `source` of a signal: who says it."""

    TRIPWIRE = "tripwire"  # the connection that the controller keeps open to each server
    DOCKER = "docker"
    CHECK = "check"  # HAProxy's health checks
    TRAFFIC = "traffic"  # HAProxy's look at the errors in the real traffic
    HAPROXY = "haproxy"  # its runtime API


class Kind(StrEnum):
    """The field `kind` of a signal: what happened.

    The last four are about a source, not about a server.
    """

    KILLED = "killed"  # SIGKILL, sent by Docker at somebody's request
    SIGNALLED = "signalled"  # another signal
    DIED = "died"
    STOPPED = "stopped"
    REMOVED = "removed"
    STARTED = "started"
    PAUSED = "paused"
    UNPAUSED = "unpaused"
    TRIPWIRE_CONNECTED = "tripwire_connected"
    TRIPWIRE_ENDED = "tripwire_ended"  # it had been connected, and connecting anew failed
    TRIPWIRE_REFUSED = "tripwire_refused"  # it had never been connected
    CHECK_DOWN = "check_down"
    TRAFFIC_ERRORS = "traffic_errors"
    HAPROXY_REACHABLE = "haproxy_reachable"
    HAPROXY_UNREACHABLE = "haproxy_unreachable"
    ENGINE_REACHABLE = "engine_reachable"
    ENGINE_UNREACHABLE = "engine_unreachable"


GOOD_KINDS = frozenset({Kind.STARTED, Kind.UNPAUSED, Kind.TRIPWIRE_CONNECTED})
"""What says that a server is there; every other kind that names a server says that something is
wrong."""


class Role(StrEnum):
    """A server's `role` in /state."""

    ACTIVE = "active"
    STANDBY = "standby"


class Health(StrEnum):
    """A server's `health` in /state."""

    UP = "up"
    DOWN = "down"
    STARTING = "starting"
    MAINTENANCE = "maintenance"


class ServerReply(TypedDict):
    """One server in /state."""

    name: str
    role: str  # Role
    region: str
    health: str  # Health
    container: str  # Docker's word; "missing", or "unknown" while Docker does not answer
    tripwire: str  # connected, refused, unknown
    in_rotation: bool  # it takes new requests and can answer them
    weight: int
    sessions: int
    limit: int
    queue: int
    reason: str


class StateHead(TypedDict):
    """What GET /state begins with. `time` is wall clock, in epoch seconds."""

    topology: str
    version: str
    time: float


class StateReply(StateHead):
    """GET /state."""

    steady: bool
    steady_reason: str
    engine_reachable: bool
    haproxy_reachable: bool
    servers: list[ServerReply]
