"""A server on loopback that speaks Docker's API, as docker-proxy lets it through."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web

from unit.controller.clock import Clock

PROJECT = "hadr-lab"
FILTERS = {"label": [f"com.docker.compose.project={PROJECT}"]}
STARTED_AGO_S = 60.0
SERVICE = "com.docker.compose.service"


class Docker:
    """Containers, their events, and the requests that came."""

    def __init__(self, clock: Clock, servers: int = 1) -> None:
        self.clock = clock
        self.states = {f"predictor-{number}": "running" for number in range(1, servers + 1)}
        self.exit_codes = dict.fromkeys(self.states, 0)
        self.history: list[dict[str, Any]] = []
        self.streams: list[web.StreamResponse] = []
        self.asked: list[str] = []  # what was to be done: "predictor-1 start"
        self.lists = 0
        self.refuse = False
        self.fail_orders = False
        self.deaf = False  # accepts orders and does not carry them out
        self.slow = asyncio.Event()  # cleared: what is asked for is done when it is set
        self.slow.set()

    def end(self, server: str, code: int = 137) -> None:
        """End a container."""
        self.states[server], self.exit_codes[server] = "exited", code

    def event(
        self, action: str, server: str = "predictor-1", *, age_s: float = 0.0, **attributes: str
    ) -> dict[str, Any]:
        """Return one event of a server's container."""
        return {
            "Type": "container",
            "Action": action,
            "Actor": {"ID": "0" * 64, "Attributes": {SERVICE: server, **attributes}},
            "timeNano": int((self.clock.wall() - age_s) * 1e9),
        }

    async def tell(self, happened: dict[str, Any]) -> None:
        """Write an event to whoever follows."""
        self.history.append(happened)
        for stream in self.streams:
            await stream.write(json.dumps(happened).encode() + b"\n")

    @asynccontextmanager
    async def serving(self, port: int = 0) -> AsyncIterator[str]:
        """Serve; yield the URL."""
        app = web.Application()
        app.router.add_get("/version", self._version)
        for prefix in ("", "/v1.45"):
            app.router.add_get(f"{prefix}/containers/json", self._list)
            app.router.add_get(f"{prefix}/containers/{{name}}/json", self._inspect)
            app.router.add_post(f"{prefix}/containers/{{name}}/{{verb}}", self._do)
            app.router.add_get(f"{prefix}/events", self._events)
        runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", port).start()
        try:
            yield f"http://127.0.0.1:{runner.addresses[0][1]}"
        finally:
            self.streams.clear()
            await runner.cleanup()

    async def _version(self, _: web.Request) -> web.Response:
        return web.json_response({"ApiVersion": "1.45"})

    async def _list(self, request: web.Request) -> web.Response:
        self.lists += 1
        if self.refuse:
            return web.Response(status=403, text="no")
        assert request.query["all"] == "1"
        assert json.loads(request.query["filters"]) == FILTERS
        names = {f"/{PROJECT}-{server}-1": server for server in self.states}
        names[f"/{PROJECT}-lab-run-12ab"] = "predictor-1"  # a one-off container of the same service
        return web.json_response(
            [
                {"Names": [name], "State": self.states[server], "Labels": {SERVICE: server}}
                for name, server in names.items()
            ]
        )

    async def _inspect(self, request: web.Request) -> web.Response:
        server = _server(request)
        started = time.gmtime(self.clock.wall() - STARTED_AGO_S)
        state = {
            "Status": self.states[server],
            "ExitCode": self.exit_codes[server],
            "StartedAt": time.strftime("%Y-%m-%dT%H:%M:%S.123456789Z", started),
        }
        return web.json_response({"State": state, "Config": {"Labels": {"hadr.region": "region-2"}}})

    async def _do(self, request: web.Request) -> web.Response:
        server = _server(request)
        self.asked.append(f"{server} {request.match_info['verb']}")
        await self.slow.wait()
        if self.refuse or self.fail_orders:
            return web.Response(status=500, text="broken")
        if not self.deaf:
            self.states[server] = "running"
            await self.tell(self.event("start", server))
        return web.Response(status=204)

    async def _events(self, request: web.Request) -> web.StreamResponse:
        assert json.loads(request.query["filters"]) == {**FILTERS, "type": ["container"]}
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


def _server(request: web.Request) -> str:
    return request.match_info["name"].removeprefix(f"{PROJECT}-").removesuffix("-1")
