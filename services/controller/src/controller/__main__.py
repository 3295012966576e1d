"""Wiring and signals.

Each part runs as a task of one group: a bug in one ends the process with its traceback. Docker then
starts the controller again, and it learns the present from HAProxy and Docker; to live on with a
part missing would be worse.
"""

import asyncio
import os
import signal
import sys
import time
from contextlib import suppress
from dataclasses import asdict

import aiohttp
from aiohttp import web

from controller.api import Api
from controller.engine import Engine
from controller.journal import Journal
from controller.loop import Loop, Parts
from controller.metrics import Metrics
from controller.model import Told
from controller.runtime_api import RuntimeApi
from controller.settings import Settings, load
from controller.tripwire import Tripwires
from hadr.contract import Event, Kind, Source
from hadr.declare import SettingError


async def serve(settings: Settings) -> None:
    """Run all parts until cancelled. HAProxy's state stays as it is when this ends."""
    journal = Journal(sys.stdout, settings.journal_entries, time.time, time.monotonic)
    metrics = Metrics()
    policy = asdict(settings.policy)
    journal.record(Event.STARTED, version=settings.version, topology=settings.topology, policy=policy)
    async with aiohttp.ClientSession() as session, asyncio.TaskGroup() as group:

        def told_by(source: Source) -> Told:
            def tell(kind: Kind, server: str, what: str) -> None:
                journal.signal(source, kind, server, what)
                loop.wake()

            return tell

        tripwires = Tripwires(settings, told_by(Source.TRIPWIRE), time.monotonic)
        engine = Engine(session, settings, tell=told_by(Source.DOCKER), clock=time.monotonic, wall=time.time)
        haproxy = RuntimeApi(settings)
        parts = Parts(haproxy, engine, tripwires, journal, metrics)
        loop = Loop(settings, parts, time.monotonic, group)
        api = Api(settings, loop, parts, clock=time.monotonic, wall=time.time)
        group.create_task(engine.watch_events())
        group.create_task(engine.watch_state())
        group.create_task(_serve_api(api, settings.port))
        group.create_task(loop.run())


async def _serve_api(api: Api, port: int) -> None:
    runner = web.AppRunner(api.app(), access_log=None, shutdown_timeout=0.1, handler_cancellation=True)
    await runner.setup()
    try:
        await web.TCPSite(runner, port=port).start()
        await asyncio.Event().wait()
    finally:
        await runner.cleanup()


async def _until_stopped(settings: Settings) -> None:
    task = asyncio.create_task(serve(settings))
    running = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        running.add_signal_handler(number, task.cancel)
    with suppress(asyncio.CancelledError):
        await task


def main() -> None:
    """Read the settings and run; a bad setting is one line on stderr and exit code 2."""
    try:
        settings = load(os.environ)
    except SettingError as error:
        print(f"controller: {error}", file=sys.stderr)
        sys.exit(2)
    asyncio.run(_until_stopped(settings))


if __name__ == "__main__":
    main()
