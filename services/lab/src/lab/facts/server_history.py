"""What the journal knew of each server at each moment: its observations, added up. Pure.

The journal of an experiment may begin after the controller did; what it says nothing of before is
taken from the controller's state at the start of the run.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from hadr.contract import GOOD_KINDS, Event, Health
from lab.parts.controller import UP, Entry


def bad_news(raw: Mapping[str, Any]) -> bool:
    """Return whether a journal entry is a signal that something is wrong with its server."""
    return raw.get("event") == Event.SIGNAL and bool(raw.get("server")) and raw.get("kind") not in GOOD_KINDS


@dataclass(frozen=True)
class Known:
    """What was known of a server at a moment; None where nothing was."""

    health: str | None = None
    check: str | None = None
    tripwire: str | None = None
    container: str | None = None
    weight: int | None = None
    admin: str | None = None

    @property
    def in_service(self) -> bool:
        """It takes new requests and can answer them."""
        return self.health == UP and (self.weight or 0) > 0 and self.admin in (None, "ready")

    @property
    def alive(self) -> bool:
        """Nothing says that its process is dead or frozen."""
        return self.tripwire != "refused" and self.container in (None, "running")


@dataclass
class History:
    """The servers' states over time, from the start state and the observations."""

    roles: Mapping[str, str]
    start: Mapping[str, Known]
    entries: Sequence[Entry]
    _at: dict[str, list[tuple[float, Known]]] = field(default_factory=dict, init=False)

    def __post_init__(self) -> None:
        for server in self.roles:
            known = self.start.get(server, Known())
            rows = [(float("-inf"), known)]
            for time, changed in _changes(self.entries, server):
                known = Known(**{**vars(known), **changed})
                rows.append((time, known))
            self._at[server] = rows

    def at(self, server: str, time: float) -> Known:
        """Return what was known just before a moment (epoch seconds)."""
        rows = self._at.get(server, [])
        return next((known for at, known in reversed(rows) if at < time), Known())

    def in_service_since(self, server: str, time: float) -> float | None:
        """Return since when a server has been in service at a moment; None if it is not."""
        since: float | None = None
        for at, known in self._at.get(server, []):
            if at >= time:
                break
            since = (at if since is None else since) if known.in_service else None
        return since

    def up_spans(self, server: str, start: float, end: float) -> Iterator[tuple[float, float]]:
        """Yield (from, to) of each unbroken time that a server was up between two moments."""
        since: float | None = None
        for at, _, known in (*self.spans(server), (end, end, Known())):
            if known.health == UP:
                since = at if since is None else since
            elif since is not None:
                if max(since, start) < min(at, end):
                    yield max(since, start), min(at, end)
                since = None

    def spans(self, server: str) -> Iterator[tuple[float, float, Known]]:
        """Yield each state of a server: (from, to, what was known)."""
        rows = [*self._at.get(server, []), (float("inf"), Known())]
        for (at, known), (until, _) in itertools.pairwise(rows):
            yield at, until, known


def of_state(state: Mapping[str, Any]) -> tuple[dict[str, str], dict[str, Known]]:
    """Return roles and what is known of the servers from a saved /state."""
    servers = state.get("servers") or []
    roles = {str(each["name"]): str(each["role"]) for each in servers}
    known = {
        str(each["name"]): Known(
            health=UP if each["health"] == UP else Health.DOWN,
            # The controller calls a server up only if HAProxy's checks do.
            check="up" if each["health"] == UP else None,
            tripwire=each.get("tripwire") or None,
            container=str(each["container"]),
            weight=int(each["weight"]),
            admin="maint" if each["health"] == Health.MAINTENANCE else None,
        )
        for each in servers
    }
    return roles, known


def _changes(entries: Sequence[Entry], server: str) -> Iterator[tuple[float, dict[str, Any]]]:
    """Yield what each observation of a server says anew."""
    names = set(Known.__dataclass_fields__)
    for entry in entries:
        change = entry.raw.get("change")
        if entry.event == Event.OBSERVATION and entry.text("server") == server and isinstance(change, dict):
            yield entry.time, {key: pair[-1] for key, pair in change.items() if key in names}
