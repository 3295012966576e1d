"""What the controller knows and wants, as frozen data: Snapshot -> Observation -> Decision.

A Snapshot is what HAProxy, Docker and the tripwires say at one moment. An Observation adds what
only a look back can tell (since when). Both are values: nothing in this module reads a clock or
does I/O.

Units: every time here is monotonic, in seconds, on the clock that the loop passes as `now`; fields
that end in `_s` are durations in seconds.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from hadr.contract import Kind, Role, Verb
from hadr.declare import setting


class Admin(StrEnum):
    """HAProxy's administrative state. The controller never changes it; a person may."""

    READY = "ready"
    DRAIN = "drain"
    MAINT = "maint"
    RESOLUTION = "resolution"  # HAProxy could not resolve the name


class LinkState(StrEnum):
    """What a server's tripwire knows.

    REFUSED is evidence of death, CONNECTED of a living process.
    """

    UNKNOWN = "unknown"
    CONNECTED = "connected"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Link:
    """A tripwire: an idle TCP connection to `address` ("ip:port"), in its state `since`."""

    state: LinkState = LinkState.UNKNOWN
    address: str = ""
    since: float = 0.0
    detail: str = ""


# Nothing survives SIGKILL. Docker tells of it while the process is still dying, which takes some
# ms; its own word for the container is `running` until then.
DYING = "dying"


@dataclass(frozen=True, slots=True)
class Container:
    """A server's container as Docker tells it. `state` uses Docker's words (running, exited, ...).

    `since` is when the controller learned of `state`; `started_at` when the process started.
    """

    state: str
    since: float
    started_at: float = 0.0
    exit_code: int | None = None
    stop_seen: bool = False  # Docker's `stop` event: a person (or Compose) asked for it
    kill_seen: bool = False  # a `kill` event came before the end: it did not crash by itself
    region: str = ""


@dataclass(frozen=True, slots=True)
class HaproxyServer:
    """One server of the backend as HAProxy's runtime API tells it."""

    name: str
    address: str  # "ip:port"; empty while HAProxy does not know it
    up: bool
    check: str  # HAProxy's code of the last check, "L7OK" or "L4CON"; empty before the first
    check_text: str
    admin: Admin
    weight: int
    initial_weight: int
    sessions: int
    queue: int
    limit: int  # maxconn; 0: none
    total: int  # requests sent to the server since HAProxy started
    last_change_s: float  # HAProxy counts whole seconds


@dataclass(frozen=True, slots=True)
class HaproxyView:
    """The backend as a whole; `queue` counts the requests that wait for any server."""

    servers: tuple[HaproxyServer, ...]
    queue: int = 0


@dataclass(frozen=True, slots=True)
class Order:
    """A start or restart that the controller asked Docker for, at `at`."""

    server: str
    at: float


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One moment, as told by the three sources. `haproxy` is None while HAProxy does not answer."""

    haproxy: HaproxyView | None
    links: dict[str, Link] = field(default_factory=dict)
    containers: dict[str, Container] = field(default_factory=dict)
    engine_reachable: bool = False
    orders: tuple[Order, ...] = ()  # given since the snapshot before
    busy: frozenset[str] = frozenset()  # servers with a start or restart under way


@dataclass(frozen=True, slots=True)
class ServerView:
    """One server, with its history. See the module `observe` for how each `since` comes about."""

    haproxy: HaproxyServer
    role: Role
    link: Link
    container: Container | None
    up_since: float | None  # HAProxy calls it up
    serving_since: float | None  # in service: up, in rotation, not dead
    down_since: float | None  # alive for Docker, down for HAProxy
    dead_since: float | None
    dead_reason: str  # "" while not dead
    starts: int = 0  # starts and restarts since it last proved itself
    last_start: float | None = None
    proven: bool = True  # up for stable_s since its last start
    busy: bool = False

    @property
    def name(self) -> str:
        """Its name in HAProxy, in Compose and on the network."""
        return self.haproxy.name

    @property
    def dead(self) -> bool:
        """Its process is gone or frozen: known sooner than HAProxy's checks can tell."""
        return bool(self.dead_reason)

    @property
    def healthy(self) -> bool:
        """HAProxy's check says up, and nothing newer says dead."""
        return self.haproxy.up and not self.dead

    @property
    def in_rotation(self) -> bool:
        """HAProxy would send it new requests if it were healthy."""
        return self.haproxy.weight > 0 and self.haproxy.admin is Admin.READY

    @property
    def in_service(self) -> bool:
        """It takes new requests and can answer them."""
        return self.in_rotation and self.healthy

    @property
    def held_back(self) -> bool:
        """A person took it out: drain, maintenance, or weight 0 on an active server."""
        by_weight = self.role is Role.ACTIVE and self.haproxy.weight == 0
        return by_weight or self.haproxy.admin in (Admin.DRAIN, Admin.MAINT)

    @property
    def saturated(self) -> bool:
        """It takes as many requests as it may, or some wait for it."""
        at_limit = 0 < self.haproxy.limit <= self.haproxy.sessions
        return at_limit or self.haproxy.queue > 0


@dataclass(frozen=True, slots=True)
class Load:
    """The load on all servers in service. Smoothed values lag by the setting load_smoothing_s."""

    sessions: float = 0.0  # requests in servers and queues, smoothed
    rate: float = 0.0  # requests/s sent to servers, smoothed
    total: int = 0  # requests sent to servers since HAProxy started
    capacity: float | None = None  # requests/s of one server, measured when all were saturated
    capacity_at: float = 0.0
    saturated_since: float | None = None
    saturated_total: int = 0  # `total` at `saturated_since`
    fits_since: float | None = None  # the servers that would remain can carry the load


@dataclass(frozen=True, slots=True)
class Observation:
    """All that a decision may depend on, at `now`."""

    now: float
    haproxy_reachable: bool
    engine_reachable: bool
    servers: tuple[ServerView, ...] = ()
    load: Load = Load()

    @property
    def in_service(self) -> tuple[ServerView, ...]:
        """The servers that take requests and can answer them."""
        return tuple(server for server in self.servers if server.in_service)


def duration(default_s: float, help_text: str) -> Any:
    """Declare a setting that is a time span, in seconds."""
    return setting(default_s, help_text, within=(0.001, 86_400))


@dataclass(frozen=True, slots=True)
class Policy:
    """The numbers behind the rules."""

    weight: int = setting(100, "weight of a promoted standby", unit="weight", within=(1, 256))
    saturation_s: float = duration(0.3, "a standby joins when all servers were saturated for this long")
    stable_s: float = duration(5.0, "a standby is parked when it was not needed for this long")
    reserve: float = setting(
        0.2, "share of capacity that must be free after a standby is parked", unit="share", within=(0, 0.95)
    )
    load_smoothing_s: float = duration(1.0, "time constant of the smoothed load")
    capacity_memory_s: float = duration(300.0, "a capacity measured during a saturation counts this long")
    first_start_pause_s: float = duration(0.2, "a container that ended is started this long after its end")
    start_pause_s: float = duration(
        1.0, "pause before a second start in a row; doubles with each further one"
    )
    start_pause_max_s: float = duration(60.0, "longest pause between two starts in a row")
    proven_s: float = duration(60.0, "the pauses start anew when a server was up for this long")
    unready_restart_s: float = duration(15.0, "a server alive but not ready for this long is restarted")
    start_grace_s: float = duration(30.0, "no such restart within this time after a container's start")


FOR_HAPROXY = frozenset({Verb.MARK_DOWN, Verb.PROMOTE, Verb.DEMOTE})
"""Carried out by HAProxy's runtime API, at once; the others take Docker its time."""

Told = Callable[[Kind, str, str], None]
"""How a source tells a signal: (kind, server, a sentence for people). Called at once, must not
block."""


@dataclass(frozen=True, slots=True)
class Action:
    """One thing to do to one server, with the sentence that says why and the signals behind it."""

    verb: Verb
    server: str
    reason: str
    signals: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Note:
    """Something deliberately left undone, and why. An empty `server` means the lab as a whole."""

    server: str
    text: str


@dataclass(frozen=True, slots=True)
class Decision:
    """What to do now, in this order, and what to leave."""

    actions: tuple[Action, ...] = ()
    notes: tuple[Note, ...] = ()
