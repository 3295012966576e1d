"""A small world to try the rules in: servers that die, hang and come back, seen late and in part.

It stands for HAProxy (checks: two bad ones mark down, two good ones mark up), Docker (its news come
one step late) and the tripwires (an end is seen at once, a return only at the next attempt, which
is slow and out of step with the checks, so that evidence is often out of date). Time passes in
steps of STEP_S.
"""

from dataclasses import dataclass, field, replace

from controller.decide import decide
from controller.model import (
    Action,
    Container,
    HaproxyServer,
    HaproxyView,
    Link,
    LinkState,
    Observation,
    Order,
    Policy,
    Snapshot,
)
from controller.observe import observe
from hadr.contract import Role, Verb
from unit.controller.scene import row

STEP_S = 0.1
BOOT_S = 0.7
CHECKS = 2
LINK_RETRY_STEPS = 4
LIMIT = 10
CAPACITY = 60.0  # requests/s of one server


@dataclass
class Server:
    """The truth about one server, and what HAProxy and its tripwire believe."""

    row: HaproxyServer
    state: str = "running"
    exit_code: int | None = None
    ready_at: float = 0.0
    unready: bool = False
    killed: bool = False
    stopped: bool = False
    changed_at: float = 0.0
    started_at: float = 0.0
    streak: int = 0
    link: Link = field(default_factory=Link)
    docker: Container | None = None

    def answers(self, now: float) -> bool:
        """It would answer a request."""
        return self.state == "running" and now >= self.ready_at and not self.unready

    def accepts(self, now: float) -> bool:
        """The kernel accepts a connection: also for a frozen process."""
        return self.state in ("running", "paused") and now >= self.ready_at


class World:
    """All servers, the load in requests/s, and the controller's two pure functions in a loop."""

    def __init__(self, actives: int, standbys: int, policy: Policy) -> None:
        self.policy = policy
        self.now = 1000.0
        self.step_number = 0
        self.load = 0.0
        self.engine = True
        self.haproxy = True
        self.servers = {
            server.row.name: server
            for number in range(1, actives + standbys + 1)
            for server in [Server(row(number, standby=number > actives), started_at=self.now - 900)]
        }
        self.observation: Observation | None = None
        self.orders: list[Order] = []
        self.history: list[tuple[float, Action]] = []

    # What may happen; each is an event of the tests.

    def kill(self, name: str) -> None:
        self._end(name, 137, killed=True)

    def crash(self, name: str) -> None:
        self._end(name, 1)

    def stop(self, name: str) -> None:
        self._end(name, 0, stopped=True)

    def start(self, name: str) -> None:
        server = self.servers[name]
        if server.state == "exited":
            server.state, server.exit_code, server.killed, server.stopped = "running", None, False, False
            server.ready_at, server.started_at, server.changed_at = self.now + BOOT_S, self.now, self.now

    def pause(self, name: str) -> None:
        if self.servers[name].state == "running":
            self.servers[name].state, self.servers[name].changed_at = "paused", self.now

    def unpause(self, name: str) -> None:
        if self.servers[name].state == "paused":
            self.servers[name].state, self.servers[name].changed_at = "running", self.now

    def break_(self, name: str) -> None:
        self.servers[name].unready = True

    def mend(self, name: str) -> None:
        self.servers[name].unready = False

    def kill_all(self) -> None:
        for name in self.servers:
            self.kill(name)

    def forget(self) -> None:
        """The controller is killed and starts anew."""
        self.observation, self.orders = None, []

    def restart_haproxy(self) -> None:
        """Initial weights, every server assumed up."""
        for server in self.servers.values():
            server.row = replace(server.row, weight=server.row.initial_weight, up=True, check="INI", total=0)
            server.row, server.streak = replace(server.row, last_change_s=0), 0

    def step(self) -> list[Action]:
        """Let time pass once; return what the controller did."""
        self.now += STEP_S
        self.step_number += 1
        for number, server in enumerate(self.servers.values()):
            self._check(server)
            self._trip(server, number)
        self._carry()
        snapshot = self._snapshot()
        self.orders = []
        self.observation = observe(self.observation, snapshot, self.policy, self.now)
        for server in self.servers.values():
            self._tell_docker(server)  # seen at the next step
        actions = list(decide(self.observation, self.policy, self.now).actions)
        for action in actions:
            self._apply(action)
        self.history += [(self.now, action) for action in actions]
        return actions

    def serving(self) -> list[str]:
        """Servers that HAProxy sends requests to and that answer them."""
        return [
            server.row.name
            for server in self.servers.values()
            if server.row.up and server.row.weight > 0 and server.answers(self.now)
        ]

    def roles_restored(self) -> bool:
        """Actives in service, standbys parked."""
        return all(
            server.row.up and (server.row.weight > 0) == (server.row.initial_weight > 0)
            for server in self.servers.values()
        )

    def _end(self, name: str, code: int, *, killed: bool = False, stopped: bool = False) -> None:
        server = self.servers[name]
        if server.state != "exited":
            server.state, server.exit_code, server.changed_at = "exited", code, self.now
            server.killed, server.stopped, server.unready = killed, stopped, False

    def _check(self, server: Server) -> None:
        good = server.answers(self.now)
        server.streak = 0 if good == server.row.up else server.streak + 1
        if server.row.check == "INI" and self.step_number % 3:
            return  # the first check after HAProxy's start is not over
        code = "L7OK" if good else "L4CON"
        changed = server.streak >= CHECKS
        server.row = replace(
            server.row,
            check=code,
            up=good if changed else server.row.up,
            last_change_s=0 if changed else server.row.last_change_s + STEP_S,
        )

    def _trip(self, server: Server, number: int) -> None:
        ended = server.link.state is LinkState.CONNECTED and server.state == "exited"
        due = (self.step_number + number) % LINK_RETRY_STEPS == 0
        if server.link.state is LinkState.CONNECTED and not ended:
            return
        if ended or due:
            state = LinkState.CONNECTED if server.accepts(self.now) else LinkState.REFUSED
            server.link = Link(state, server.row.address, self.now, "refused connections")

    def _tell_docker(self, server: Server) -> None:
        old = server.docker
        since = old.since if old is not None and old.state == server.state else self.now
        server.docker = Container(
            server.state,
            since,
            server.started_at,
            server.exit_code,
            server.stopped,
            server.killed,
        )

    def _carry(self) -> None:
        """Spread the load; what exceeds the capacity fills the servers to their limits."""
        names = self.serving()
        for name, server in self.servers.items():
            share = self.load / len(names) if name in names else 0.0
            sent = min(share, CAPACITY)
            # Little's law, with the queue that grows as the load comes near the capacity.
            use = min(share / CAPACITY, 1.0)
            sessions = LIMIT if share >= CAPACITY else round(min(LIMIT, use / (1 - use)))
            server.row = replace(
                server.row,
                total=server.row.total + round(sent * STEP_S),
                sessions=sessions,
                queue=5 if share > CAPACITY else 0,
            )

    def _snapshot(self) -> Snapshot:
        return Snapshot(
            haproxy=HaproxyView(tuple(s.row for s in self.servers.values())) if self.haproxy else None,
            links={name: server.link for name, server in self.servers.items()},
            containers={name: s.docker for name, s in self.servers.items() if s.docker is not None},
            engine_reachable=self.engine,
            orders=tuple(self.orders),
        )

    def _apply(self, action: Action) -> None:
        server = self.servers[action.server]
        if action.verb is Verb.MARK_DOWN:
            server.row, server.streak = replace(server.row, up=False, last_change_s=0), 0
        elif action.verb is Verb.PROMOTE:
            server.row = replace(server.row, weight=self.policy.weight)
        elif action.verb is Verb.DEMOTE:
            server.row = replace(server.row, weight=0)
        else:
            self.orders.append(Order(action.server, self.now))
            if action.verb is Verb.RESTART:
                server.state, server.unready = "exited", False
            self.start(action.server)

    def role(self, name: str) -> Role:
        """The role by the initial weight."""
        return Role.STANDBY if self.servers[name].row.initial_weight == 0 else Role.ACTIVE
