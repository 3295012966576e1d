"""The engine against a server on loopback that speaks Docker's API, as docker-proxy lets it through."""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from controller.engine import Engine, EngineRefusedError, EngineUnreachableError
from controller.settings import Settings
from hadr.contract import Kind

PROJECT = "hadr-lab"
FILTERS = json.dumps({"label": [f"com.docker.compose.project={PROJECT}"]}, separators=(",", ":"))
DEADLINE_S = 10.0


def event(action: str, *, age_s: float = 0.0, **attributes: str) -> dict[str, Any]:
    """One event of predictor-1."""
    return {
        "Type": "container",
        "Action": action,
        "Actor": {"ID": "0" * 64, "Attributes": {"com.docker.compose.service": "predictor-1", **attributes}},
        "timeNano": int((time.time() - age_s) * 1e9),
    }


class Docker:
    """One container, its events, and the requests that came."""

    def __init__(self) -> None:
        self.state = "running"
        self.exit_code = 0
        self.history: list[dict[str, Any]] = []
        self.streams: list[web.StreamResponse] = []
        self.asked: list[str] = []
        self.refuse = False

    def app(self) -> web.Application:
        app = web.Application()
        app.router.add_get("/containers/json", self._list)
        app.router.add_get("/containers/{name}/json", self._inspect)
        app.router.add_post("/containers/{name}/{verb}", self._do)
        app.router.add_get("/events", self._events)
        return app

    async def tell(self, happened: dict[str, Any]) -> None:
        self.history.append(happened)
        for stream in self.streams:
            await stream.write(json.dumps(happened).encode() + b"\n")

    async def _list(self, request: web.Request) -> web.Response:
        if self.refuse:
            return web.Response(status=403, text="no")
        assert dict(request.query) == {"all": "1", "filters": FILTERS}
        labels = {"com.docker.compose.service": "predictor-1"}
        mine = {"Names": [f"/{PROJECT}-predictor-1-1"], "State": self.state, "Labels": labels}
        other = {"Names": [f"/{PROJECT}-lab-run-12ab"], "State": "running", "Labels": labels}
        return web.json_response([mine, other])

    async def _inspect(self, request: web.Request) -> web.Response:
        assert request.match_info["name"] == f"{PROJECT}-predictor-1-1"
        state = {
            "Status": self.state,
            "ExitCode": self.exit_code,
            "StartedAt": time.strftime("%Y-%m-%dT%H:%M:%S.123456789Z", time.gmtime(time.time() - 60)),
        }
        return web.json_response({"State": state, "Config": {"Labels": {"hadr.region": "region-2"}}})

    async def _do(self, request: web.Request) -> web.Response:
        self.asked.append(request.path)
        return web.Response(status=500 if self.refuse else 204, text="broken")

    async def _events(self, request: web.Request) -> web.StreamResponse:
        assert json.loads(request.query["filters"])["type"] == ["container"]
        since = float(request.query["since"])
        stream = web.StreamResponse()
        await stream.prepare(request)
        for old in self.history:
            if old["timeNano"] / 1e9 >= since:
                await stream.write(json.dumps(old).encode() + b"\n")
        if "until" not in request.query:
            self.streams.append(stream)
            await asyncio.Event().wait()
        return stream


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

    def state(self) -> str:
        container = self.engine.containers.get("predictor-1")
        return container.state if container else ""


def run(test: Callable[[Lab], Awaitable[None]], docker: Docker | None = None) -> None:
    async def main() -> None:
        docker_ = docker or Docker()
        runner = web.AppRunner(docker_.app(), handler_cancellation=True, shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        told: list[Kind] = []
        async with aiohttp.ClientSession() as http:
            engine = Engine(
                http,
                Settings(docker_url=url, docker_poll_s=0.3),
                tell=lambda kind, *_: told.append(kind),
                clock=time.monotonic,
                wall=time.time,
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
                await runner.cleanup()
        for task in tasks:
            assert task.cancelled(), task.exception()

    asyncio.run(main())


def test_a_container_is_known_with_its_region_and_the_time_of_its_start() -> None:
    async def test(lab: Lab) -> None:
        container = lab.engine.containers["predictor-1"]
        assert (container.state, container.region, container.exit_code) == ("running", "region-2", None)
        assert time.monotonic() - container.started_at == pytest.approx(60, abs=2)
        assert list(lab.engine.containers) == ["predictor-1"], "a one-off container is no server"

    run(test)


def test_a_kill_is_told_by_events_before_the_next_list() -> None:
    async def test(lab: Lab) -> None:
        await lab.until(lambda: lab.docker.streams)
        await lab.docker.tell(event("kill", signal="9"))
        lab.docker.state, lab.docker.exit_code = "exited", 137
        await lab.docker.tell(event("die", exitCode="137"))
        await lab.until(lambda: lab.state() == "exited")
        container = lab.engine.containers["predictor-1"]
        assert (container.exit_code, container.kill_seen, container.stop_seen) == (137, True, False)
        assert lab.told[-2:] == [Kind.KILLED, Kind.DIED]

    run(test)


def test_sigkill_is_the_end_although_docker_still_lists_the_container_as_running() -> None:
    async def test(lab: Lab) -> None:
        await lab.until(lambda: lab.docker.streams)
        await lab.docker.tell(event("kill", signal="9"))
        await lab.until(lambda: lab.state() == "dying")
        await asyncio.sleep(0.5)  # more than one list
        assert lab.state() == "dying"

    run(test)


@pytest.mark.parametrize("signal", ["15", "1"])
def test_another_signal_is_not_the_end(signal: str) -> None:
    async def test(lab: Lab) -> None:
        await lab.until(lambda: lab.docker.streams)
        await lab.docker.tell(event("kill", signal=signal))
        await lab.until(lambda: Kind.SIGNALLED in lab.told)
        assert lab.state() == "running"

    run(test)


def test_a_stop_is_a_persons() -> None:
    async def test(lab: Lab) -> None:
        await lab.until(lambda: lab.docker.streams)
        lab.docker.state, lab.docker.exit_code = "exited", 137
        for happened in (event("kill", signal="15"), event("die", exitCode="137"), event("stop")):
            await lab.docker.tell(happened)
        await lab.until(lambda: lab.engine.containers["predictor-1"].stop_seen)

    run(test)


def test_a_stop_before_the_controller_began_is_known_from_the_history() -> None:
    docker = Docker()
    docker.state, docker.exit_code = "exited", 137
    docker.history = [event("die", age_s=60, exitCode="137"), event("stop", age_s=60)]

    async def test(lab: Lab) -> None:
        container = lab.engine.containers["predictor-1"]
        assert (container.state, container.exit_code, container.stop_seen) == ("exited", 137, True)

    run(test, docker)


def test_a_start_after_a_stop_makes_the_stop_history() -> None:
    docker = Docker()
    docker.history = [event("stop", age_s=60), event("start", age_s=30), event("kill", age_s=20)]

    async def test(lab: Lab) -> None:
        container = lab.engine.containers["predictor-1"]
        assert (container.stop_seen, container.kill_seen) == (False, True)

    run(test, docker)


def test_what_no_event_told_is_found_by_the_list() -> None:
    async def test(lab: Lab) -> None:
        lab.docker.state = "paused"
        await lab.until(lambda: lab.state() == "paused")

    run(test)


def test_a_broken_stream_is_opened_anew_and_what_was_missed_is_replayed() -> None:
    async def test(lab: Lab) -> None:
        await lab.until(lambda: lab.docker.streams)
        stream = lab.docker.streams.pop()
        lab.docker.state, lab.docker.exit_code = "exited", 137
        lab.docker.history.append(event("stop"))
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
        name = f"{PROJECT}-predictor-1-1"
        assert lab.docker.asked == [f"/containers/{name}/start", f"/containers/{name}/restart"]
        lab.docker.refuse = True
        with pytest.raises(EngineRefusedError, match="-> 500: broken"):
            await lab.engine.start("predictor-1")

    run(test)


def test_our_own_restart_is_no_stop_by_a_person() -> None:
    async def test(lab: Lab) -> None:
        await lab.until(lambda: lab.docker.streams)
        restart = asyncio.create_task(lab.engine.restart("predictor-1"))
        lab.engine._ours.add("predictor-1")
        await lab.docker.tell(event("stop"))
        await lab.until(lambda: Kind.STOPPED in lab.told)
        assert not lab.engine.containers["predictor-1"].stop_seen
        await restart

    run(test)


def test_a_docker_that_refuses_is_told_once_and_asked_again() -> None:
    docker = Docker()
    docker.refuse = True

    async def test(lab: Lab) -> None:
        await asyncio.sleep(0.5)
        assert len([kind for kind in lab.told if kind is Kind.ENGINE_UNREACHABLE]) == 1
        assert not lab.engine.reachable
        docker.refuse = False
        await lab.until(lambda: lab.engine.reachable)
        assert lab.told[-1] is Kind.ENGINE_REACHABLE

    run(test, docker)


def test_nobody_answers() -> None:
    async def main() -> None:
        async with aiohttp.ClientSession() as http:
            settings = Settings(docker_url="http://127.0.0.1:9")
            engine = Engine(http, settings, tell=lambda *_: None, clock=time.monotonic, wall=time.time)
            with pytest.raises(EngineUnreachableError, match="POST /containers/hadr-lab-predictor-1-1/start"):
                await engine.start("predictor-1")

    asyncio.run(main())
