"""The journal, and the HTTP API over a real connection.

HAProxy and Docker are absent: the API says so.
"""

import asyncio
import io
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import aiohttp
from aiohttp import web

from controller.api import Api
from controller.engine import Engine
from controller.journal import Journal
from controller.loop import Loop, Parts
from controller.metrics import Metrics
from controller.runtime_api import RuntimeApi
from controller.settings import Settings
from controller.tripwire import Tripwires
from hadr.contract import Event, Kind, Source

NOBODY = "http://127.0.0.1:9"


def entries(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines() if line]


def test_an_entry_has_a_number_and_two_times() -> None:
    out = io.StringIO()
    journal = Journal(out, 10, lambda: 1700000000.5, lambda: 12.25)
    journal.signal(Source.DOCKER, Kind.DIED, "predictor-1", "event `die`")
    assert entries(out.getvalue()) == [
        {
            "seq": 1,
            "time": 1700000000.5,
            "monotonic": 12.25,
            "event": "signal",
            "source": "docker",
            "kind": "died",
            "server": "predictor-1",
            "what": "event `die`",
        }
    ]


def test_the_journal_forgets_its_oldest_entries() -> None:
    journal = Journal(io.StringIO(), 3, time.time, time.monotonic)
    for number in range(5):
        journal.record(Event.SIGNAL, what=str(number))
    assert [seq for seq, _ in journal.after(0)] == [3, 4, 5]
    assert [seq for seq, _ in journal.after(4)] == [5]
    assert list(journal.after(5)) == []
    assert list(journal.after(99)) == [], "a reader of an earlier life of the controller"


class Running:
    """A controller without HAProxy and Docker, its API on a port of its own."""

    def __init__(self, url: str, http: aiohttp.ClientSession, journal: Journal, loop: Loop) -> None:
        self.url = url
        self.http = http
        self.journal = journal
        self.loop = loop

    async def get(self, path: str) -> tuple[int, str]:
        async with self.http.get(self.url + path) as response:
            return response.status, await response.text()


@asynccontextmanager
async def running() -> AsyncIterator[Running]:
    settings = Settings(haproxy_socket="/nonexistent/admin.sock", docker_url=NOBODY, unhealthy_after_s=1.0)
    journal = Journal(io.StringIO(), settings.journal_entries, time.time, time.monotonic)
    async with aiohttp.ClientSession() as http, asyncio.TaskGroup() as group:
        parts = Parts(
            haproxy=RuntimeApi(settings),
            engine=Engine(http, settings, tell=lambda *_: None, clock=time.monotonic, wall=time.time),
            tripwires=Tripwires(settings, lambda *_: None, time.monotonic),
            journal=journal,
            metrics=Metrics(),
        )
        loop = Loop(settings, parts, time.monotonic, group)
        api = Api(settings, loop, parts, clock=time.monotonic, wall=time.time)
        task = group.create_task(loop.run())
        runner = web.AppRunner(api.app(), shutdown_timeout=0.1)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        yield Running(f"http://127.0.0.1:{runner.addresses[0][1]}", http, journal, loop)
        task.cancel()
        await runner.cleanup()


async def eventually_health(lab: Running, status: int) -> None:
    async with asyncio.timeout(10):
        while (await lab.get("/health"))[0] != status:  # noqa: ASYNC110 - poll to a deadline
            await asyncio.sleep(0.02)


def test_without_haproxy_it_lives_on_and_says_so() -> None:
    """/health turns 503 after a while, /state names what is missing, the journal says it once."""

    async def main() -> None:
        async with running() as lab:
            await eventually_health(lab, 503)
            _, text = await lab.get("/state")
            state = json.loads(text)
            assert state["steady"] is False
            assert state["steady_reason"] == "HAProxy does not answer"
            assert state["servers"] == []
            _, text = await lab.get("/journal")
            told = [entry for entry in entries(text) if entry["event"] == "signal"]
            assert [(each["source"], each["kind"]) for each in told] == [("haproxy", "haproxy_unreachable")]
            assert "No such file" in told[0]["what"]

    asyncio.run(main())


def test_the_journal_is_read_from_a_number_on_and_followed() -> None:
    async def main() -> None:
        async with running() as lab:
            first = next(iter(lab.journal.after(0)), (0, ""))[0]
            lab.journal.record(Event.SIGNAL, what="a")
            lab.journal.record(Event.SIGNAL, what="b")
            async with lab.http.get(f"{lab.url}/journal?after={first}&follow=1") as stream:
                assert stream.content_type == "application/x-ndjson"
                seen = [json.loads(await stream.content.readline())]
                while seen[-1].get("what") != "b":
                    seen.append(json.loads(await stream.content.readline()))
                lab.journal.record(Event.SIGNAL, what="c")
                while seen[-1].get("what") != "c":
                    seen.append(json.loads(await stream.content.readline()))
            assert [entry["seq"] for entry in seen] == list(range(first + 1, first + 1 + len(seen)))

    asyncio.run(main())


def test_a_bad_parameter_is_refused_with_what_was_expected() -> None:
    async def main() -> tuple[int, str]:
        async with running() as lab:
            return await lab.get("/journal?after=-1")

    status, text = asyncio.run(main())
    assert status == 400
    assert json.loads(text)["detail"] == "after='-1': expected a whole number of at least 0"


def test_metrics_are_in_prometheus_text_format() -> None:
    async def main() -> str:
        async with running() as lab:
            await eventually_health(lab, 503)
            return (await lab.get("/metrics"))[1]

    text = asyncio.run(main())
    assert 'hadr_controller_source_reachable{source="haproxy"} 0.0' in text
    assert "process_resident_memory_bytes" in text
    assert "hadr_controller_reaction_seconds_bucket" in text


def test_a_reader_that_hangs_up_does_no_harm() -> None:
    async def main() -> int:
        async with running() as lab:
            with suppress(TimeoutError):
                async with asyncio.timeout(0.1), lab.http.get(f"{lab.url}/journal?follow=1") as stream:
                    await stream.read()
            lab.journal.record(Event.SIGNAL, what="later")
            return (await lab.get("/state"))[0]

    assert asyncio.run(main()) == 200
