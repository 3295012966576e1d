"""The loop between a HAProxy at a unix socket, a loopback Docker and real connections.

Time that decisions depend on is the test's own; the loop's ticks are short and real, so that a test
waits for what it expects, whatever the machine's speed.
"""

import asyncio
import io
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from controller.engine import Engine
from controller.journal import Journal
from controller.loop import FORGET_S, NOTE_QUIET_S, Loop, Parts
from controller.metrics import Metrics
from controller.report import steadiness
from controller.runtime_api import RuntimeApi
from controller.settings import Settings
from controller.tripwire import Tripwires
from hadr.contract import Event, Kind, Source, Verb
from unit.controller.clock import Clock
from unit.controller.loopback_docker import Docker
from unit.controller.loopback_haproxy import Haproxy, Row

DEADLINE_S = 30.0
TICK_S = 0.005
PROMOTE = "set server predictors/predictor-3 weight 100"
MARK_DOWN = "set server predictors/predictor-1 health down"


class Lab:
    """Two active servers and a standby, whatever is around them, and the loop that watches."""

    def __init__(self, path: Path) -> None:
        self.clock = Clock()
        self.haproxy = Haproxy(path / "admin.sock")
        self.docker = Docker(self.clock, servers=3)
        self.out = io.StringIO()
        self.loop: Loop
        self.engine: Engine
        self._around = AsyncExitStack()
        self._haproxy, self._docker = AsyncExitStack(), AsyncExitStack()
        self._docker_port = 0
        self._listening: dict[str, tuple[asyncio.Server, list[asyncio.StreamWriter]]] = {}

    @asynccontextmanager
    async def running(self) -> AsyncIterator["Lab"]:
        """Start all of it; yield once the lab is steady."""
        for number in (1, 2, 3):
            name, weight = f"predictor-{number}", 0 if number == 3 else 100
            self.haproxy.rows[name] = Row(name, 0, weight, weight)
            await self.listen(name)
        await self.start_haproxy()
        url = await self._docker.enter_async_context(self.docker.serving())
        self._docker_port = int(url.rpartition(":")[2])
        settings = Settings(
            haproxy_socket=str(self.haproxy.path),
            docker_url=url,
            docker_poll_s=TICK_S * 4,
            tick_s=TICK_S,
            alert_tick_s=TICK_S,
            reconnect_pause_s=TICK_S,
            connect_timeout_s=DEADLINE_S,
            haproxy_timeout_s=DEADLINE_S,
        )
        journal = Journal(self.out, 1000, self.clock.wall, self.clock)

        def told_by(source: Source) -> Callable[[Kind, str, str], None]:
            def tell(kind: Kind, server: str, what: str) -> None:
                journal.signal(source, kind, server, what)
                self.loop.wake()

            return tell

        async with aiohttp.ClientSession() as session, asyncio.TaskGroup() as group:
            self.engine = Engine(
                session, settings, tell=told_by(Source.DOCKER), clock=self.clock, wall=self.clock.wall
            )
            tripwires = Tripwires(settings, told_by(Source.TRIPWIRE), self.clock)
            parts = Parts(RuntimeApi(settings), self.engine, tripwires, journal, Metrics())
            self.loop = Loop(settings, parts, self.clock, group)
            watching = (self.engine.watch_events(), self.engine.watch_state(), self.loop.run())
            tasks = [group.create_task(each) for each in watching]
            await self.until(self.steady)
            try:
                yield self
            finally:
                tripwires.watch({}, group)
                for task in tasks:
                    task.cancel()
                await self._haproxy.aclose()
                await self._docker.aclose()
                for name in list(self._listening):
                    self.refuse(name)

    async def listen(self, name: str) -> None:
        """Let a server accept connections, at the port that it had."""
        row = self.haproxy.rows[name]
        connected: list[asyncio.StreamWriter] = []
        listener = await asyncio.start_server(
            lambda _, writer: connected.append(writer), "127.0.0.1", row.port
        )
        row.port = listener.sockets[0].getsockname()[1]
        self._listening[name] = (listener, connected)

    def refuse(self, name: str) -> None:
        """End a server's connections and its listener, as its death does."""
        listener, connected = self._listening.pop(name)
        listener.close()
        for writer in connected:
            writer.transport.abort()

    async def start_haproxy(self) -> None:
        await self._haproxy.enter_async_context(self.haproxy.serving())

    async def stop_haproxy(self) -> None:
        await self._haproxy.aclose()
        await self.until(lambda: self.signals(Kind.HAPROXY_UNREACHABLE))

    async def start_docker(self) -> None:
        await self._docker.enter_async_context(self.docker.serving(self._docker_port))
        await self.until(lambda: self.engine.reachable)

    async def stop_docker(self) -> None:
        await self._docker.aclose()
        await self.until(lambda: not self.engine.reachable)

    def steady(self) -> bool:
        """Return whether the loop calls the lab steady."""
        seen = self.loop.observation
        return seen is not None and steadiness(seen, self.loop.decision, self.loop.pending)[0]

    async def until(self, fact: Callable[[], object]) -> None:
        async with asyncio.timeout(DEADLINE_S):
            while not fact():  # noqa: ASYNC110 - poll to a deadline
                await asyncio.sleep(TICK_S)

    async def rounds(self, count: int = 5) -> None:
        """Let the loop go round so many times more."""
        wanted = self.haproxy.looks + count
        await self.until(lambda: self.haproxy.looks >= wanted)

    def journal(self, event: Event, **fields: Any) -> list[dict[str, Any]]:
        """Return the entries of an event whose fields have these values."""
        entries = [json.loads(line) for line in self.out.getvalue().splitlines()]
        return [
            entry
            for entry in entries
            if entry["event"] == event and all(entry.get(key) == value for key, value in fields.items())
        ]

    def signals(self, kind: Kind) -> list[tuple[str, str]]:
        """Return (source, server) of the signals of a kind."""
        return [(entry["source"], entry["server"]) for entry in self.journal(Event.SIGNAL, kind=kind)]


@pytest.fixture
def run(tmp_path: Path) -> Callable[[Callable[[Lab], Awaitable[None]]], None]:
    def runner(test: Callable[[Lab], Awaitable[None]]) -> None:
        async def main() -> None:
            async with Lab(tmp_path).running() as lab:
                await test(lab)

        asyncio.run(main())

    return runner


Run = Callable[[Callable[[Lab], Awaitable[None]]], None]


def test_a_dead_server_is_replaced_and_marked_down_in_one_exchange(run: Run) -> None:
    """The promotion goes first, so that requests never find an empty backend."""

    async def test(lab: Lab) -> None:
        lab.refuse("predictor-1")
        await lab.until(lambda: lab.haproxy.orders)
        assert lab.haproxy.orders[0] == f"{PROMOTE};{MARK_DOWN}"
        await lab.until(lambda: len(lab.journal(Event.CONFIRMED)) == 2)
        assert lab.signals(Kind.TRIPWIRE_ENDED) == [("tripwire", "predictor-1")]
        assert [
            (entry["action"], entry["server"], entry["result"]) for entry in lab.journal(Event.ACTION)
        ] == [("promote", "predictor-3", "ok"), ("mark_down", "predictor-1", "ok")]

    run(test)


def test_an_action_is_pending_until_an_observation_shows_its_effect(run: Run) -> None:
    """It is decided once, repeated while it has no effect, timed from its decision."""

    async def test(lab: Lab) -> None:
        lab.haproxy.deaf = True
        lab.refuse("predictor-1")
        await lab.until(lambda: len(lab.haproxy.orders) > 3)
        assert lab.loop.pending == 2
        assert not lab.journal(Event.CONFIRMED)
        assert len(lab.journal(Event.DECISION, action=Verb.PROMOTE)) == 1
        lab.clock.now += 2.0
        lab.haproxy.deaf = False
        await lab.until(lambda: lab.loop.pending == 0)
        confirmed = lab.journal(Event.CONFIRMED, action=Verb.PROMOTE)
        assert [(entry["server"], entry["took_ms"]) for entry in confirmed] == [("predictor-3", 2000.0)]
        orders = len(lab.haproxy.orders)
        await lab.rounds()
        assert len(lab.haproxy.orders) == orders, "what is done is not told again"

    run(test)


def test_an_action_without_effect_is_forgotten_and_decided_anew(run: Run) -> None:
    async def test(lab: Lab) -> None:
        lab.haproxy.deaf = True
        lab.refuse("predictor-1")
        await lab.until(lambda: lab.loop.pending == 2)
        lab.clock.now += FORGET_S
        await lab.rounds()
        decided = {"action": Verb.PROMOTE, "server": "predictor-3"}
        assert len(lab.journal(Event.DECISION, **decided)) == 1
        lab.clock.now += 0.1
        await lab.until(lambda: len(lab.journal(Event.DECISION, **decided)) == 2)
        given_up = lab.journal(Event.ACTION, **decided, command="")
        assert [entry["result"] for entry in given_up] == [f"no effect seen within {FORGET_S:g} s"]

    run(test)


def test_without_haproxy_nothing_is_told_to_it_and_it_is_made_up_for(run: Run) -> None:
    async def test(lab: Lab) -> None:
        await lab.stop_haproxy()
        lab.refuse("predictor-1")
        await lab.until(lambda: lab.signals(Kind.TRIPWIRE_ENDED))
        assert not lab.journal(Event.DECISION, action=Verb.PROMOTE)
        await lab.start_haproxy()
        await lab.until(lambda: lab.haproxy.rows["predictor-3"].weight == 100)
        assert lab.signals(Kind.HAPROXY_UNREACHABLE) == [("haproxy", "")]
        assert lab.signals(Kind.HAPROXY_REACHABLE) == [("haproxy", "")]

    run(test)


def test_without_haproxy_a_container_that_ended_is_started_all_the_same(run: Run) -> None:
    async def test(lab: Lab) -> None:
        await lab.stop_haproxy()
        lab.refuse("predictor-1")
        lab.docker.end("predictor-1")
        await lab.docker.tell(lab.docker.event("die", exitCode="137"))
        await lab.until(lambda: lab.signals(Kind.DIED))
        assert lab.docker.asked == []
        lab.clock.now += 1.0
        await lab.until(lambda: lab.docker.asked)
        assert lab.docker.asked == ["predictor-1 start"]

    run(test)


def test_without_docker_promotions_go_on_and_starts_wait(run: Run) -> None:
    async def test(lab: Lab) -> None:
        await lab.stop_docker()
        lab.refuse("predictor-1")
        lab.docker.end("predictor-1")
        await lab.until(lambda: lab.haproxy.rows["predictor-3"].weight == 100)
        lab.clock.now += 1.0
        await lab.rounds()
        assert lab.docker.asked == []
        await lab.start_docker()
        await lab.until(lambda: lab.engine.containers["predictor-1"].state == "exited")
        lab.clock.now += 1.0
        await lab.until(lambda: lab.docker.asked)
        assert lab.signals(Kind.ENGINE_UNREACHABLE) == [("docker", "")]
        assert lab.signals(Kind.ENGINE_REACHABLE)[-1] == ("docker", "")

    run(test)


def test_a_start_under_way_is_not_asked_for_twice(run: Run) -> None:
    async def test(lab: Lab) -> None:
        lab.docker.slow.clear()
        lab.refuse("predictor-1")
        lab.docker.end("predictor-1")
        await lab.docker.tell(lab.docker.event("die", exitCode="137"))
        await lab.until(lambda: lab.signals(Kind.DIED))
        lab.clock.now += 1.0
        await lab.until(lambda: lab.docker.asked)
        lab.clock.now += FORGET_S + 60.0  # longer than any pause, and than an action is pending
        await lab.rounds(10)
        assert lab.docker.asked == ["predictor-1 start"]
        assert len(lab.journal(Event.DECISION, action=Verb.START)) == 1
        await lab.listen("predictor-1")
        lab.docker.slow.set()
        await lab.until(lambda: lab.journal(Event.CONFIRMED, action=Verb.START, server="predictor-1"))
        assert lab.docker.asked == ["predictor-1 start"]

    run(test)


def test_a_start_is_confirmed_when_the_container_runs_not_when_docker_says_so(run: Run) -> None:
    async def test(lab: Lab) -> None:
        lab.docker.deaf = True
        lab.refuse("predictor-1")
        lab.docker.end("predictor-1")
        await lab.docker.tell(lab.docker.event("die", exitCode="137"))
        await lab.until(lambda: lab.signals(Kind.DIED))
        lab.clock.now += 0.5
        await lab.until(lambda: lab.journal(Event.ACTION, action=Verb.START))
        await lab.rounds()
        assert not lab.journal(Event.CONFIRMED, action=Verb.START)
        lab.docker.states["predictor-1"] = "running"
        await lab.until(lambda: lab.journal(Event.CONFIRMED, action=Verb.START))

    run(test)


def test_a_start_that_docker_refuses_is_tried_again_after_a_pause(run: Run) -> None:
    async def test(lab: Lab) -> None:
        lab.docker.fail_orders = True
        lab.refuse("predictor-1")
        lab.docker.end("predictor-1")
        await lab.docker.tell(lab.docker.event("die", exitCode="137"))
        await lab.until(lambda: lab.signals(Kind.DIED))
        lab.clock.now += 0.5
        await lab.until(lambda: lab.journal(Event.ACTION, action=Verb.START))
        assert "500" in lab.journal(Event.ACTION, action=Verb.START)[0]["result"]
        await lab.rounds(10)
        assert len(lab.docker.asked) == 1
        lab.clock.now += 1.0  # start_pause_s
        await lab.until(lambda: len(lab.docker.asked) == 2)

    run(test)


def test_a_note_is_told_once_and_again_only_after_it_was_absent_for_a_while(run: Run) -> None:
    async def test(lab: Lab) -> None:
        def notes() -> int:
            return len(lab.journal(Event.DECISION, action=Verb.NONE, server="predictor-1"))

        row = lab.haproxy.rows["predictor-1"]
        row.weight = 0  # a person's doing: predictor-3 takes its place, and the server is left alone
        await lab.until(notes)
        await lab.rounds()
        told = notes()
        row.weight = 100
        await lab.until(lambda: not lab.loop.decision.notes)
        row.weight = 0
        await lab.until(lambda: lab.loop.decision.notes)
        await lab.rounds()
        assert notes() == told, "it was absent for a moment"
        row.weight = 100
        await lab.until(lambda: not lab.loop.decision.notes)
        lab.clock.now += NOTE_QUIET_S
        await lab.rounds()
        row.weight = 0
        await lab.until(lambda: notes() > told)

    run(test)


@pytest.mark.parametrize(
    ("code", "kind", "source"),
    [("L7STS", Kind.CHECK_DOWN, Source.CHECK), ("HANA", Kind.TRAFFIC_ERRORS, Source.TRAFFIC)],
)
def test_a_server_that_haproxy_took_out_is_signalled_with_who_saw_it(
    run: Run, code: str, kind: Kind, source: Source
) -> None:
    async def test(lab: Lab) -> None:
        row = lab.haproxy.rows["predictor-2"]
        row.up, row.check = False, code
        await lab.until(lambda: lab.signals(kind))
        assert lab.signals(kind) == [(source, "predictor-2")]
        await lab.until(lambda: lab.haproxy.rows["predictor-3"].weight == 100)

    run(test)


def test_what_the_controller_marked_down_itself_is_no_signal_of_the_checks(run: Run) -> None:
    async def test(lab: Lab) -> None:
        lab.refuse("predictor-1")
        await lab.until(lambda: lab.journal(Event.CONFIRMED, action=Verb.MARK_DOWN))
        await lab.rounds()
        assert lab.signals(Kind.CHECK_DOWN) == []

    run(test)
