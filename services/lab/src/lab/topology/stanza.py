"""Reads the HAProxy backends that a topology file carries; pure text in, lines and problems out.

Only what a topology has to state is read (servers, weights, limits, tracking); HAProxy checks the rest.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

MAX_WEIGHT = 256
"""HAProxy's largest weight."""

PREDICTORS, FALLBACK = "predictors", "fallback"
"""The backends of a topology: the one that serves, and the one used when no server of it is left."""

VALUED = ("weight", "maxconn", "track")
"""The parameters of a server whose value is read; every other word counts as a flag."""


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong, in the words that a person is shown; the line counts from 1."""

    line: int
    what: str
    expected: str


@dataclass(frozen=True)
class ServerLine:
    """One `server` line, with the defaults of its backend already applied."""

    name: str
    address: str
    line: int
    values: dict[str, str]
    flags: frozenset[str]

    @property
    def weight(self) -> int | None:
        """Return the weight (HAProxy's default is 1); None if it is no number from 0 to 256."""
        text = self.values.get("weight", "1")
        return int(text) if re.fullmatch(r"\d{1,3}", text) and int(text) <= MAX_WEIGHT else None

    @property
    def standby(self) -> bool:
        """Tell whether the server is parked at the start: its weight is 0."""
        return self.weight == 0


@dataclass
class Backend:
    """One backend with its server lines, in file order."""

    name: str
    line: int
    servers: list[ServerLine] = field(default_factory=list)
    default_values: dict[str, str] = field(default_factory=dict)
    default_flags: set[str] = field(default_factory=set)


def parse(text: str, first_line: int) -> tuple[dict[str, Backend], list[Problem]]:
    """Read the backends; `first_line` is the line of the text's first line in its file."""
    backends: dict[str, Backend] = {}
    problems: list[Problem] = []
    current: Backend | None = None
    for number, raw in enumerate(text.splitlines(), first_line):
        words = raw.split("#", 1)[0].split()
        if not words:
            continue
        if words[0] == "backend":
            current = Backend(words[1] if len(words) > 1 else "", number)
            if current.name not in (PREDICTORS, FALLBACK) or current.name in backends:
                problems.append(
                    Problem(number, f"backend {current.name!r}", f"{PREDICTORS} and {FALLBACK}, each once")
                )
            backends.setdefault(current.name, current)
        elif current is None:
            problems.append(
                Problem(number, f"{words[0]!r} before any backend", f"'backend {PREDICTORS}' first")
            )
        elif words[0] == "default-server":
            values, flags = _parameters(words[1:])
            current.default_values |= values
            current.default_flags |= flags
        elif words[0] == "server":
            _add_server(current, words[1:], number, problems)
    return backends, problems


def _parameters(words: list[str]) -> tuple[dict[str, str], set[str]]:
    """Split a line's parameters into those with a value that matters here, and the other words."""
    values: dict[str, str] = {}
    flags: set[str] = set()
    rest = iter(words)
    for word in rest:
        if word in VALUED:
            values[word] = next(rest, "")
        else:
            flags.add(word)
    return values, flags


def _add_server(backend: Backend, words: list[str], line: int, problems: list[Problem]) -> None:
    """Add a server line to its backend; a second line of the same name is a problem and is left out."""
    if len(words) < 2:  # noqa: PLR2004 - a name and an address
        problems.append(
            Problem(line, f"server line '{' '.join(['server', *words])}'", "'server NAME NAME:8000 ...'")
        )
        return
    name, address, *parameters = words
    for other in backend.servers:
        if other.name == name:
            problems.append(
                Problem(
                    line,
                    f"server {name} stands twice in backend {backend.name}, first in line {other.line}",
                    "each server once",
                )
            )
            return
    values, flags = _parameters(parameters)
    backend.servers.append(
        ServerLine(
            name, address, line, backend.default_values | values, frozenset(backend.default_flags | flags)
        )
    )
