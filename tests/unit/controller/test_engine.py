"""The engine against a loopback server that speaks Docker's API, as docker-proxy passes it."""

import asyncio
from collections.abc import Awaitable, Callable

import aiohttp
import pytest

from controller.engine import DYING_S, Engine, EngineError, EngineRefusedError
from controller.settings import Settings
from hadr.contract import Kind
from unit.controller.clock import Clock
from unit.controller.loopback_docker import STARTED_AGO_S, Docker

DEADLINE_S = 20.0


class Lab:
    """An engine that watches a Docker."""

    def __init__(self, docker: Docker, engine: Engine, told: list[Kind]) -> None:
        self.docker = docker
        self.engine = engine
        self.told = told

    async def until(self, fact: Callable[[], object]) -> None:
        async with asyncio.timeout(DEADLINE_S):
            while not fact():  # noqa: ASYNC110 - poll to a deadline
                await asyncio.sleep(0.005)

    async def lists(self, count: int) -> None:
        """Wait until the containers were listed so many times more."""
        wanted = self.docker.lists + count + 1  # the one under way may have begun before
        await self.until(lambda: self.docker.lists >= wanted)

    def state(self) -> str:
        container = self.engine.containers.get("predictor-1")
        return container.state if container else ""


def run(test: Callable[[Lab], Awaitable[None]], docker: Docker | None = None) -> None:
    async def main() -> None:
        docker_ = docker or Docker(Clock())
        async with docker_.serving() as url, aiohttp.ClientSession() as session:
            told: list[Kind] = []
            engine = Engine(
                session,
                Settings(docker_url=url, docker_poll_s=0.05),
                tell=lambda kind, *_: told.append(kind),
                clock=docker_.clock,
                wall=docker_.clock.wall,
            )
            lab = Lab(docker_, engine, told)
            tasks = [asyncio.create_task(engine.watch_events()), asyncio.create_task(engine.watch_state())]
            try:
                await lab.until(lambda: engine.reachable or engine.unreachable_why != "not asked yet")
                await test(lab)
            finally:
                for task in tasks:
                    task.cancel()
                await asyncio.wait(tasks)
        for task in tasks:
            assert task.cancelled(), task.exception()

    asyncio.run(main())


def test_a_container_is_known_with_its_region_and_the_time_of_its_start() -> None:
    async def test(lab: Lab) -> None:
        container = lab.engine.containers["predictor-1"]
        assert (container.state, container.region, container.exit_code) == ("running", "region-2", None)
        assert lab.docker.clock() - container.started_at == pytest.approx(STARTED_AGO_S, abs=1)
        assert list(lab.engine.containers) == ["predictor-1"], "a one-off container is no server"

    run(test)


def test_a_kill_is_told_by_events_before_the_next_list() -> None:
    async def test(lab: Lab) -> None:
        await lab.until(lambda: lab.docker.streams)
        await lab.docker.tell(lab.docker.event("kill", signal="9"))
        lab.docker.end("predictor-1")
        await lab.docker.tell(lab.docker.event("die", exitCode="137"))
        await lab.until(lambda: lab.state() == "exited")
        container = lab.engine.containers["predictor-1"]
        assert (container.exit_code, container.kill_seen, container.stop_seen) == (137, True, False)
        assert lab.told[-2:] == [Kind.KILLED, Kind.DIED]

    run(test)


def test_sigkill_is_the_end_although_docker_still_lists_the_container_as_running() -> None:
    async def test(lab: Lab) -> None:
        await lab.until(lambda: lab.docker.streams)
        await lab.docker.tell(lab.docker.event("kill", signal="9"))
        await lab.until(lambda: lab.state() == "dying")
        await lab.lists(2)
        assert lab.state() == "dying"
        lab.docker.clock.now += DYING_S
        await lab.until(lambda: lab.state() == "running")

    run(test)


@pytest.mark.parametrize("signal", ["15", "1"])
def test_another_signal_is_not_the_end(signal: str) -> None:
    async def test(lab: Lab) -> None:
        await lab.until(lambda: lab.docker.streams)
        await lab.docker.tell(lab.docker.event("kill", signal=signal))
        await lab.until(lambda: Kind.SIGNALLED in lab.told)
        assert lab.state() == "running"

    run(test)


def test_a_stop_is_a_persons() -> None:
    async def test(lab: Lab) -> None:
        await lab.until(lambda: lab.docker.streams)
        lab.docker.end("predictor-1")
        for happened in (
            lab.docker.event("kill", signal="15"),
            lab.docker.event("die", exitCode="137"),
            lab.docker.event("stop"),
        ):
            await lab.docker.tell(happened)
        await lab.until(lambda: lab.engine.containers["predictor-1"].stop_seen)

    run(test)


def test_a_stop_before_the_controller_began_is_known_from_the_history() -> None:
    docker = Docker(Clock())
    docker.end("predictor-1")
    docker.history = [docker.event("die", age_s=60, exitCode="137"), docker.event("stop", age_s=60)]

    async def test(lab: Lab) -> None:
        container = lab.engine.containers["predictor-1"]
        assert (container.state, container.exit_code, container.stop_seen) == ("exited", 137, True)

    run(test, docker)


def test_a_start_after_a_stop_makes_the_stop_history() -> None:
    docker = Docker(Clock())
    docker.history = [
        docker.event("stop", age_s=60),
        docker.event("start", age_s=30),
        docker.event("kill", age_s=20),
    ]

    async def test(lab: Lab) -> None:
        container = lab.engine.containers["predictor-1"]
        assert (container.stop_seen, container.kill_seen) == (False, True)

    run(test, docker)


def test_what_no_event_told_is_found_by_the_list() -> None:
    async def test(lab: Lab) -> None:
        lab.docker.states["predictor-1"] = "paused"
        await lab.until(lambda: lab.state() == "paused")

    run(test)


def test_a_broken_stream_is_opened_anew_and_what_was_missed_is_replayed() -> None:
    async def test(lab: Lab) -> None:
        await lab.until(lambda: lab.docker.streams)
        stream = lab.docker.streams.pop()
        lab.docker.end("predictor-1")
        lab.docker.history.append(lab.docker.event("stop"))
        await stream.write(b'{"half of an ev')
        assert stream.task is not None
        stream.task.cancel()
        await lab.until(lambda: lab.docker.streams)
        assert lab.engine.containers["predictor-1"].stop_seen

    run(test)


def test_start_and_restart_go_to_the_container_by_its_name() -> None:
    async def test(lab: Lab) -> None:
        await lab.engine.start("predictor-1")
        await lab.engine.restart("predictor-1")
        assert lab.docker.asked == ["predictor-1 start", "predictor-1 restart"]
        lab.docker.refuse = True
        with pytest.raises(EngineRefusedError, match="-> 500: broken"):
            await lab.engine.start("predictor-1")

    run(test)


def test_our_own_restart_is_no_stop_by_a_person() -> None:
    async def test(lab: Lab) -> None:
        await lab.until(lambda: lab.docker.streams)
        restart = asyncio.create_task(lab.engine.restart("predictor-1"))
        lab.engine._ours.add("predictor-1")
        await lab.docker.tell(lab.docker.event("stop"))
        await lab.until(lambda: Kind.STOPPED in lab.told)
        assert not lab.engine.containers["predictor-1"].stop_seen
        await restart

    run(test)


def test_a_docker_that_refuses_is_told_once_and_asked_again() -> None:
    docker = Docker(Clock())
    docker.refuse = True

    async def test(lab: Lab) -> None:
        await lab.lists(2)
        assert len([kind for kind in lab.told if kind is Kind.ENGINE_UNREACHABLE]) == 1
        assert not lab.engine.reachable
        docker.refuse = False
        await lab.until(lambda: lab.engine.reachable)
        assert lab.told[-1] is Kind.ENGINE_REACHABLE

    run(test, docker)


def test_nobody_answers() -> None:
    async def main() -> None:
        settings = Settings(docker_url="http://127.0.0.1:9")
        async with aiohttp.ClientSession() as session:
            engine = Engine(session, settings, tell=lambda *_: None, clock=Clock(), wall=Clock().wall)
            with pytest.raises(EngineError, match="POST /containers/hadr-lab-predictor-1-1/start"):
                await engine.start("predictor-1")

    asyncio.run(main())
