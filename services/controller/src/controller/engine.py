"""Docker, through docker-proxy. The only module that knows Docker's API.

A background task keeps `containers` up to date: a stream of events for speed, a list every few
seconds for certainty. Whoever decides reads that dictionary and never waits for Docker.
docker-proxy lets pass only what is asked here: the list and the events of this project, and
inspect, start and restart of its containers by their names. Why not through Docker's SDK:
docs/decisions/0006-docker-client.md.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from http import HTTPStatus
from typing import Any

import aiohttp

from controller.model import DYING, Container, Told
from controller.settings import Settings
from hadr.contract import Kind

SERVICE_LABEL = "com.docker.compose.service"
PROJECT_LABEL = "com.docker.compose.project"
REGION_LABEL = "hadr.region"
HISTORY_S = 3600  # Docker keeps its last 256 events: who was stopped on purpose while nobody watched
# What an event says about the container's state; any other event of Docker changes nothing here.
KINDS = {
    "kill": Kind.SIGNALLED,
    "die": Kind.DIED,
    "stop": Kind.STOPPED,
    "destroy": Kind.REMOVED,
    "start": Kind.STARTED,
    "pause": Kind.PAUSED,
    "unpause": Kind.UNPAUSED,
}
STATE_AFTER = {"die": "exited", "start": "running", "pause": "paused", "unpause": "running"}
SIGKILL = "9"
DYING_S = 2.0  # that long a list that still says `running` is not believed
# Between attempts to reach Docker: they double from the first to the longest.
FIRST_PAUSE_S, MAX_PAUSE_S = 0.1, 5.0


class EngineError(Exception):
    """Docker, or the proxy before it, did not do what was asked; as a rule nobody answers."""


class EngineRefusedError(EngineError):
    """It answers with an error of this HTTP status."""

    def __init__(self, what: str, status: int, message: str) -> None:
        super().__init__(f"{what} -> {status}: {message}")
        self.status = status


@dataclass(slots=True)
class _Ends:
    """How a container's last life ended, as told by events since its last start."""

    killed: bool = False
    stopped: bool = False


class Engine:
    """Keeps the containers of one project.

    Times in them are on `clock`; `wall` converts Docker's.
    """

    def __init__(
        self,
        session: aiohttp.ClientSession,
        settings: Settings,
        *,
        tell: Told,
        clock: Callable[[], float],
        wall: Callable[[], float],
    ) -> None:
        self._session = session
        self._url = settings.docker_url.rstrip("/")
        self._project = settings.project
        self._poll_s = settings.docker_poll_s
        self._timeout_s = settings.docker_timeout_s
        self._tell = tell
        self._clock = clock
        self._wall = wall
        self._ends: dict[str, _Ends] = {}
        self._ours: set[str] = set()  # servers that we restart: their stop is not a person's
        self._changed = 0  # counts events, so that a list that began before one never overrules it
        self._look = asyncio.Event()
        self._last_event_s = wall() - HISTORY_S
        self._replayed = asyncio.Event()  # cleared while events may have been missed
        self.containers: dict[str, Container] = {}
        self.reachable = False
        self.unreachable_why = "not asked yet"

    async def watch_events(self) -> None:
        """Follow the events for ever.

        What a break made it miss is replayed before the next list.
        """
        pause_s = FIRST_PAUSE_S
        while True:
            await self._replayed.wait()
            try:
                async for event in self._events({}):
                    pause_s = FIRST_PAUSE_S
                    self._on_event(event)
            except EngineError:
                pass  # watch_state() asks the same Docker, and tells
            self._replayed.clear()
            self._look.set()
            await asyncio.sleep(pause_s)
            pause_s = min(2 * pause_s, MAX_PAUSE_S)

    async def watch_state(self) -> None:
        """List the containers now and then, and whenever an event says that something changed."""
        pause_s = FIRST_PAUSE_S
        while True:
            self._look.clear()
            try:
                await self._update()
            except EngineError as error:
                self._reached(error)
                await asyncio.sleep(pause_s)
                pause_s = min(2 * pause_s, MAX_PAUSE_S)
                continue
            self._reached(None)
            pause_s = FIRST_PAUSE_S
            try:
                async with asyncio.timeout(self._poll_s):
                    await self._look.wait()
            except TimeoutError:
                continue

    async def start(self, server: str) -> None:
        """Start a container that exited. Raises EngineError. Takes up to a second or two."""
        await self._post(server, "start", 30.0)

    async def restart(self, server: str) -> None:
        """Restart a container: SIGTERM, 10 s later SIGKILL, then a start. Raises EngineError."""
        self._ours.add(server)
        try:
            await self._post(server, "restart", 60.0)
        finally:
            self._ours.discard(server)

    async def _post(self, server: str, verb: str, timeout_s: float) -> None:
        async with self._request("POST", f"/containers/{self._name(server)}/{verb}", {}, timeout_s):
            self._look.set()

    async def _update(self) -> None:
        """Bring `containers` up to date, after the events that tell how each container ended."""
        missed = not self._replayed.is_set()
        if missed:
            async for event in self._events({"until": f"{self._wall():.9f}"}):
                self._on_event(event)
        await self._list(inspect_all=missed)
        self._replayed.set()

    async def _events(self, more: dict[str, str]) -> AsyncIterator[dict[str, Any]]:
        query = {"filters": self._filters(type=["container"]), "since": f"{self._last_event_s:.9f}", **more}
        async with self._request("GET", "/events", query, None) as response:
            try:
                async for line in response.content:
                    yield json.loads(line)
            except (aiohttp.ClientError, ValueError) as error:
                raise EngineError(f"the event stream broke: {error!r}") from error

    def _on_event(self, event: dict[str, Any]) -> None:
        action = str(event.get("Action", ""))
        attributes = event.get("Actor", {}).get("Attributes", {})
        server = attributes.get(SERVICE_LABEL)
        if server is None or action not in KINDS:
            return
        at_s = event["timeNano"] / 1e9
        # A millisecond further, so that a replay does not begin with this event again.
        self._last_event_s = max(self._last_event_s, at_s + 0.001)
        self._changed += 1
        self._look.set()
        ends = self._ends.setdefault(server, _Ends())
        if action == "start":
            self._ends[server] = ends = _Ends()
        elif action == "kill":
            ends.killed = True
        elif action == "stop" and server not in self._ours:
            ends.stopped = True
        old = self.containers.get(server)
        # Replayed history tells how a container ended, not how it is: the list does that.
        if old is None or self._wall() - at_s > self._poll_s:
            return
        state = STATE_AFTER.get(action, old.state)
        kind = KINDS[action]
        if action == "kill" and attributes.get("signal") == SIGKILL:
            kind = Kind.KILLED
            state = DYING if old.state in ("running", "paused") else state
        new = replace(old, state=state, stop_seen=ends.stopped, kill_seen=ends.killed)
        if action == "die":
            new = replace(new, since=self._clock(), exit_code=int(attributes.get("exitCode", -1)))
        elif action == "start":
            new = replace(new, since=self._clock(), started_at=self._clock(), exit_code=None)
        elif state != old.state:
            new = replace(new, since=self._clock())
        self.containers[server] = new
        detail = {"die": f", exit code {new.exit_code}", "kill": f", signal {attributes.get('signal', '?')}"}
        self._tell(kind, server, f"event `{action}`{detail.get(action, '')}")

    async def _list(self, *, inspect_all: bool) -> None:
        changed = self._changed
        containers: dict[str, Container] = {}
        for item in await self._get("/containers/json", {"all": "1", "filters": self._filters()}):
            server = item["Labels"].get(SERVICE_LABEL, "")
            if item["Names"] != [f"/{self._name(server)}"]:
                continue  # a one-off container of `compose run`, or a second replica
            old = self.containers.get(server)
            if old is not None and old.state == DYING and item["State"] == "running":
                if self._clock() - old.since < DYING_S:
                    containers[server] = old
                    continue
            elif old is not None and old.state == item["State"] and not inspect_all:
                ends = self._ends.get(server, _Ends())
                containers[server] = replace(old, stop_seen=ends.stopped, kill_seen=ends.killed)
                continue
            try:
                inspected = await self._get(f"/containers/{self._name(server)}/json")
            except EngineRefusedError as error:
                if error.status != HTTPStatus.NOT_FOUND:
                    raise
                continue  # removed since the list was made
            containers[server] = self._container(server, old, inspected)
        if changed == self._changed:
            self.containers = containers
        else:
            self._look.set()  # an event came in between and knows better; look again

    def _container(self, server: str, old: Container | None, inspected: dict[str, Any]) -> Container:
        state = inspected["State"]
        ends = self._ends.get(server, _Ends())
        age_s = self._wall() - _epoch_s(state["StartedAt"])
        exited = state["Status"] in ("exited", "dead", "restarting")
        return Container(
            state=state["Status"],
            # Seen before, the same state is no news: fresh evidence would outweigh HAProxy's
            # checks.
            since=old.since if old is not None and old.state == state["Status"] else self._clock(),
            started_at=self._clock() - max(0.0, age_s),
            exit_code=state["ExitCode"] if exited else None,
            stop_seen=ends.stopped,
            kill_seen=ends.killed,
            region=inspected["Config"]["Labels"].get(REGION_LABEL, ""),
        )

    def _reached(self, error: EngineError | None) -> None:
        was, self.reachable = self.reachable, error is None
        first = self.unreachable_why == "not asked yet"
        self.unreachable_why = str(error) if error else ""
        if error is None and not was:
            self._tell(Kind.ENGINE_REACHABLE, "", "Docker answers")
        elif error is not None and (was or first):
            what = f"Docker cannot be asked: {error}; promotions go on, starts wait"
            self._tell(Kind.ENGINE_UNREACHABLE, "", what)

    def _name(self, server: str) -> str:
        return f"{self._project}-{server}-1"

    def _filters(self, **more: list[str]) -> str:
        # docker-proxy compares this text: the label first, nothing else but the type.
        return json.dumps({"label": [f"{PROJECT_LABEL}={self._project}"], **more}, separators=(",", ":"))

    async def _get(self, path: str, query: dict[str, str] | None = None) -> Any:
        async with self._request("GET", path, query or {}, self._timeout_s) as response:
            return await response.json()

    @asynccontextmanager
    async def _request(
        self, method: str, path: str, query: dict[str, str], timeout_s: float | None
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        # Without a total limit (the event stream) the connection itself still has to come in time.
        timeout = aiohttp.ClientTimeout(total=timeout_s, sock_connect=self._timeout_s)
        try:
            async with self._session.request(
                method, self._url + path, params=query, timeout=timeout
            ) as response:
                if response.status >= HTTPStatus.BAD_REQUEST:
                    text = (await response.text())[:300].strip()
                    raise EngineRefusedError(f"{method} {path}", response.status, text)
                yield response
        except (aiohttp.ClientError, TimeoutError) as error:
            raise EngineError(f"{method} {path}: {error or type(error).__name__}") from error


def _epoch_s(stamp: str) -> float:
    """Docker's "2025-01-31T10:20:30.123456789Z" in epoch seconds; 0 for "never" (the year 1)."""
    if stamp.startswith("0001-"):
        return 0.0
    return datetime.fromisoformat(stamp).timestamp()
