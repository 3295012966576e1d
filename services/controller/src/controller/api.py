"""The HTTP API: GET /state, /journal, /metrics, /health. It only reads."""

import asyncio
import json
from collections.abc import Callable

from aiohttp import web

from controller.loop import Loop, Parts
from controller.report import state
from controller.settings import Settings
from hadr.contract import StateHead, StateReply

HEARTBEAT_S = 15.0  # an empty line now and then ends streams whose reader is gone


class Api:
    """Answers from what the loop saw last; a request never waits for HAProxy or Docker."""

    def __init__(
        self,
        settings: Settings,
        loop: Loop,
        parts: Parts,
        *,
        clock: Callable[[], float],
        wall: Callable[[], float],
    ) -> None:
        self._settings = settings
        self._loop = loop
        self._journal = parts.journal
        self._metrics = parts.metrics
        self._clock = clock
        self._wall = wall

    def app(self) -> web.Application:
        """Return the application with its routes."""
        app = web.Application()
        app.router.add_get("/state", self._state)
        app.router.add_get("/journal", self._entries)
        app.router.add_get("/metrics", self._render_metrics)
        app.router.add_get("/health", self._health)
        return app

    async def _state(self, _: web.Request) -> web.Response:
        observation = self._loop.observation
        head: StateHead = {
            "topology": self._settings.topology,
            "version": self._settings.version,
            "time": self._wall(),
        }
        if observation is None:
            nothing: StateReply = {
                **head,
                "steady": False,
                "steady_reason": "the controller has not observed anything yet",
                "engine_reachable": False,
                "haproxy_reachable": False,
                "servers": [],
            }
            return web.json_response(nothing)
        policy = self._settings.policy
        return web.json_response(state(observation, self._loop.decision, policy, self._loop.pending, head))

    async def _health(self, _: web.Request) -> web.Response:
        silent_s = self._clock() - self._loop.haproxy_seen_at
        ok = self._loop.observation is not None and silent_s <= self._settings.unhealthy_after_s
        detail = "observing" if ok else f"HAProxy was not observed for {silent_s:.1f} s"
        body = {"status": "ok" if ok else "unavailable", "detail": detail}
        return web.json_response(body, status=200 if ok else 503)

    async def _render_metrics(self, _: web.Request) -> web.Response:
        kind = "text/plain; version=0.0.4; charset=utf-8"
        return web.Response(body=self._metrics.render(), headers={"Content-Type": kind})

    async def _entries(self, request: web.Request) -> web.StreamResponse:
        after = _whole_number(request, "after")
        follow = _whole_number(request, "follow")
        response = web.StreamResponse(headers={"Content-Type": "application/x-ndjson"})
        await response.prepare(request)
        while True:
            entries = list(self._journal.after(after))
            if entries:
                after = entries[-1][0]
                await response.write("".join(line + "\n" for _, line in entries).encode())
                continue
            if not follow:
                return response
            try:
                async with asyncio.timeout(HEARTBEAT_S):
                    await self._journal.news()
            except TimeoutError:
                await response.write(b"\n")


def _whole_number(request: web.Request, name: str) -> int:
    text = request.query.get(name, "0")
    if not text.isdecimal():
        error = {"error": "bad_request", "detail": f"{name}={text!r}: expected a whole number of at least 0"}
        raise web.HTTPBadRequest(text=json.dumps(error), content_type="application/json")
    return int(text)
