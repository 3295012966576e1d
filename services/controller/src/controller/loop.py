"""The loop: wait, observe, decide, act, record. Events only wake it; nothing else acts."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from controller.decide import decide
from controller.engine import Engine, EngineError
from controller.journal import Journal
from controller.metrics import Metrics
from controller.model import (
    FOR_HAPROXY,
    Action,
    Decision,
    HaproxyServer,
    HaproxyView,
    Note,
    Observation,
    Order,
    ServerView,
    Snapshot,
)
from controller.observe import changes, observe
from controller.report import steadiness
from controller.runtime_api import RuntimeApi, RuntimeApiError
from controller.settings import Settings
from controller.tripwire import Tripwires
from hadr.contract import OK, Event, Kind, Source, Verb

NOTE_QUIET_S = 5.0  # a note that was absent for less is not news
TRAFFIC_CHECK = "HANA"  # HAProxy's code for a server that it took out for errors in the real traffic
FORGET_S = 10.0  # an action without visible effect is given up, and decided anew if still needed


@dataclass(frozen=True, slots=True)
class Parts:
    """What the loop works with; see each module."""

    haproxy: RuntimeApi
    engine: Engine
    tripwires: Tripwires
    journal: Journal
    metrics: Metrics


@dataclass(frozen=True, slots=True)
class _Pending:
    """An action whose effect no observation has shown yet."""

    action: Action
    began: float


class Loop:
    """The only part that acts. `wake` may be called from anywhere in the event loop."""

    def __init__(
        self, settings: Settings, parts: Parts, clock: Callable[[], float], group: asyncio.TaskGroup
    ) -> None:
        self._settings = settings
        self._policy = settings.policy
        self._haproxy = parts.haproxy
        self._engine = parts.engine
        self._tripwires = parts.tripwires
        self._journal = parts.journal
        self._metrics = parts.metrics
        self._clock = clock
        self._group = group
        self._woken = asyncio.Event()
        self._pending: dict[tuple[str, Verb], _Pending] = {}
        self._orders: list[Order] = []
        self._busy: set[str] = set()
        self._notes: dict[Note, float] = {}
        self._failure = ""
        self._began = clock()
        self.observation: Observation | None = None
        self.decision = Decision()
        self.haproxy_seen_at = self._began

    def wake(self) -> None:
        """Make the next round begin now instead of at the next tick."""
        self._woken.set()

    @property
    def pending(self) -> int:
        """Return how many actions are not confirmed yet."""
        return len(self._pending) + len(self._busy)

    async def run(self) -> None:
        """Run for ever."""
        while True:
            await self._wait()
            before, self.observation = self.observation, await self._observe()
            self._record_changes(before, self.observation)
            self.decision = decide(self.observation, self._policy, self.observation.now)
            await self._act(self.decision)
            self._record_notes(self.decision)

    async def _wait(self) -> None:
        try:
            async with asyncio.timeout(self._tick_s()):
                await self._woken.wait()
        except TimeoutError:
            pass
        self._woken.clear()
        self._began = self._clock()

    def _tick_s(self) -> float:
        if self.observation is None:
            return 0.0
        steady, _ = steadiness(self.observation, self.decision, self.pending)
        alert = not steady or self.observation.load.saturated_since is not None
        return self._settings.alert_tick_s if alert else self._settings.tick_s

    async def _observe(self) -> Observation:
        view = await self._view()
        now = self._clock()
        if view is not None:
            self.haproxy_seen_at = now
            self._tripwires.watch({row.name: row.address for row in view.servers}, self._group)
        snapshot = Snapshot(
            haproxy=view,
            links=dict(self._tripwires.links),
            containers=self._engine.containers,
            engine_reachable=self._engine.reachable,
            orders=tuple(self._orders),
            busy=frozenset(self._busy),
        )
        self._orders.clear()
        return observe(self.observation, snapshot, self._policy, now)

    async def _view(self) -> HaproxyView | None:
        try:
            view = await self._haproxy.view()
        except RuntimeApiError as error:
            self._say_failure(str(error))
            return None
        self._say_failure("")
        return view

    async def _act(self, decision: Decision) -> None:
        """HAProxy's commands in one exchange, at once.

        Docker's in the background: they take their time.
        """
        fresh = [action for action in decision.actions if (action.server, action.verb) not in self._pending]
        for action in fresh:
            self._record_decision(action.verb, action.server, action.reason, action.signals)
            self._pending[action.server, action.verb] = _Pending(action, self._began)
        now = [action for action in decision.actions if action.verb in FOR_HAPROXY]
        if now:
            await self._tell_haproxy(now)
            self._metrics.reacted(self._clock() - self._began)
        for action in decision.actions:
            if action.verb not in FOR_HAPROXY:
                self._busy.add(action.server)
                self._orders.append(Order(action.server, self._clock()))
                self._group.create_task(self._tell_docker(action))
        if fresh:
            self.wake()  # act, then observe again; but an action without effect waits for the next tick

    async def _tell_haproxy(self, actions: list[Action]) -> None:
        commands = [self._haproxy.command(action) for action in actions]
        began = self._clock()
        try:
            results = await self._haproxy.execute(commands)
        except RuntimeApiError as error:
            results = [str(error)] * len(actions)
        took_s = self._clock() - began
        for action, command, result in zip(actions, commands, results, strict=True):
            self._record_action(action, command, result, took_s)

    async def _tell_docker(self, action: Action) -> None:
        began = self._clock()
        result: str = OK
        try:
            if action.verb is Verb.START:
                await self._engine.start(action.server)
            else:
                await self._engine.restart(action.server)
        except EngineError as error:
            result = str(error)
            self._pending.pop((action.server, action.verb), None)
        self._record_action(action, f"docker {action.verb} {action.server}", result, self._clock() - began)
        self._busy.discard(action.server)
        self.wake()

    def _record_changes(self, before: Observation | None, now: Observation) -> None:
        for server, change in changes(before, now).items():
            view = next(each for each in now.servers if each.name == server)
            marked_down = (server, Verb.MARK_DOWN) in self._pending
            if before is not None and change.get("check") == ["up", "down"] and not marked_down:
                self._signal_down(view.haproxy)
            self._journal.record(Event.OBSERVATION, server=server, change=change)
        self._confirm(now)
        self._metrics.observed(now, self._policy)

    def _signal_down(self, row: HaproxyServer) -> None:
        source, kind, who = Source.CHECK, Kind.CHECK_DOWN, "checks"
        if row.check == TRAFFIC_CHECK:
            source, kind, who = Source.TRAFFIC, Kind.TRAFFIC_ERRORS, "look at the traffic"
        what = f"HAProxy's {who} took {row.name} out: {row.check} {row.check_text}"
        self._journal.signal(source, kind, row.name, what.strip())

    def _confirm(self, now: Observation) -> None:
        views = {view.name: view for view in now.servers}
        for (server, verb), pending in list(self._pending.items()):
            took_s = now.now - pending.began
            if server in self._busy or not now.haproxy_reachable:
                continue
            if server in views and _shows(views[server], verb):
                took_ms = round(took_s * 1000, 3)
                self._journal.record(Event.CONFIRMED, action=verb, server=server, took_ms=took_ms)
            elif took_s > FORGET_S:
                self._record_action(pending.action, "", f"no effect seen within {FORGET_S:g} s", took_s)
            else:
                continue
            del self._pending[server, verb]

    def _record_notes(self, decision: Decision) -> None:
        now = self._clock()
        for note in decision.notes:
            if note not in self._notes:
                self._record_decision(Verb.NONE, note.server, note.text, ())
            self._notes[note] = now
        self._notes = {note: seen for note, seen in self._notes.items() if now - seen < NOTE_QUIET_S}

    def _record_decision(self, verb: Verb, server: str, reason: str, signals: tuple[str, ...]) -> None:
        self._journal.record(Event.DECISION, action=verb, server=server, reason=reason, signals=list(signals))

    def _record_action(self, action: Action, command: str, result: str, took_s: float) -> None:
        self._metrics.acted(action, ok=result == OK)
        self._journal.record(
            Event.ACTION,
            action=action.verb,
            server=action.server,
            command=command,
            result=result,
            took_ms=round(took_s * 1000, 3),
        )

    def _say_failure(self, text: str) -> None:
        if text != self._failure:
            kind = Kind.HAPROXY_UNREACHABLE if text else Kind.HAPROXY_REACHABLE
            self._journal.signal(Source.HAPROXY, kind, "", text or "HAProxy answers again")
        self._failure = text


def _shows(view: ServerView, verb: Verb) -> bool:
    """Return whether an observation of the server shows the effect of an action."""
    match verb:
        case Verb.MARK_DOWN:
            return not view.haproxy.up
        case Verb.PROMOTE | Verb.DEMOTE:
            return (view.haproxy.weight > 0) == (verb is Verb.PROMOTE)
    return not view.busy and view.container is not None and view.container.state == "running"
