"""Speaks to the controller: its state, its journal, the journal as it grows.

Nothing else in the lab does.

Times are wall-clock seconds since the epoch, so that records of several containers can be joined.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Self

import httpx

from hadr.contract import Health, Role
from lab.errors import UnreachableError

ACTIVE, STANDBY = Role.ACTIVE, Role.STANDBY
UP, RUNNING = Health.UP, "running"
TIMEOUT_S = 5.0
FOLLOW_SILENCE_S = 60.0
"""A followed journal has an empty line now and then, as a sign of life; longer silence is a lost
one."""


@dataclass(frozen=True)
class ServerState:
    """One server as the controller sees it through HAProxy, Docker and its own tripwire."""

    name: str
    role: str
    region: str
    health: str
    container: str
    in_rotation: bool
    weight: int
    sessions: int
    limit: int
    queue: int
    reason: str
    tripwire: str = ""  # connected, refused or unknown; empty: a record that does not tell


@dataclass(frozen=True)
class State:
    """The whole system at one moment."""

    topology: str
    version: str
    time: float
    steady: bool
    steady_reason: str
    engine_reachable: bool
    haproxy_reachable: bool
    servers: tuple[ServerState, ...]

    def with_role(self, role: str) -> tuple[ServerState, ...]:
        """Return the servers of a role: active or standby."""
        return tuple(server for server in self.servers if server.role == role)


@dataclass(frozen=True)
class Entry:
    """One line of the journal.

    `raw` is the line as it came, for saving and for the fields of its event.
    """

    seq: int
    time: float
    event: str
    raw: dict[str, Any] = field(repr=False)

    def text(self, key: str) -> str:
        """Return a field as text, empty where it is missing."""
        value = self.raw.get(key)
        return "" if value is None else str(value)

    @classmethod
    def from_raw(cls, raw: dict[str, Any]) -> Self:
        """Read a journal line that is already decoded."""
        return cls(int(raw["seq"]), float(raw["time"]), str(raw["event"]), raw)


class Controller:
    """The controller's interface at a URL. One connection is kept open between requests."""

    def __init__(self, url: str, timeout_s: float = TIMEOUT_S) -> None:
        self.url = url
        self._http = httpx.Client(base_url=url, timeout=timeout_s, trust_env=False)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections; a journal that is being followed ends."""
        self._http.close()

    def state(self) -> State:
        """Return the present state; raise UnreachableError."""
        raw: dict[str, Any] = self._get("/state").json()
        try:
            # A label without a region is shown as one.
            servers = (
                ServerState(**server | {"region": server["region"] or "-"}) for server in raw["servers"]
            )
            return State(**raw | {"servers": tuple(servers)})
        except (KeyError, TypeError, ValueError) as error:
            raise UnreachableError(
                f"{self.url}/state is not the state of a controller: {error!r}",
                cause="another program has the controller's address, or its version is another",
            ) from error

    def journal(self, after: int = 0) -> tuple[Entry, ...]:
        """Return the journal's entries after a sequence number."""
        reply = self._get("/journal", {"after": after})
        return tuple(entries(reply.text.splitlines()))

    @contextlib.contextmanager
    def following(self, after: int) -> Iterator[Iterator[Entry]]:
        """Open the journal as it grows, from after a sequence number.

        Raise UnreachableError when it ends.
        """
        timeout = httpx.Timeout(TIMEOUT_S, read=FOLLOW_SILENCE_S)
        query = {"after": after, "follow": 1}
        try:
            with self._http.stream("GET", "/journal", params=query, timeout=timeout) as reply:
                reply.raise_for_status()
                yield entries(reply.iter_lines())
        # A line cut off by the end of the connection is no JSON.
        except (httpx.HTTPError, json.JSONDecodeError) as error:
            raise self._unreachable(error) from error

    def _get(self, path: str, query: dict[str, int] | None = None) -> httpx.Response:
        try:
            return self._http.get(path, params=query).raise_for_status()
        except httpx.HTTPError as error:
            raise self._unreachable(error) from error

    def _unreachable(self, error: Exception) -> UnreachableError:
        why = " ".join(str(error).split("\n", 1)[0].split()) or type(error).__name__
        return UnreachableError(
            f"the controller at {self.url} does not answer: {why}",
            cause="the lab is not running, or the controller is just starting",
            remedy="make up; if it is up already: make ps, make logs",
        )


def entries(lines: Iterator[str] | list[str]) -> Iterator[Entry]:
    """Read journal lines; empty ones (a stream's signs of life) are skipped."""
    for line in lines:
        if line.strip():
            yield Entry.from_raw(json.loads(line))
