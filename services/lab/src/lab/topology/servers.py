"""Reads the server lines that a topology file carries for HAProxy.

Pure text in, lines and problems out.

Only what a topology has to state is read (servers, weights, limits); HAProxy checks the rest.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

MAX_WEIGHT = 256
"""HAProxy's largest weight."""

VALUED = ("weight", "maxconn")
"""The parameters of a server whose value is read; every other word counts as a flag."""


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong, in the words that a person is shown; the line counts from 1."""

    line: int
    what: str
    expected: str


@dataclass(frozen=True)
class ServerLine:
    """One `server` line, with the defaults above it already applied."""

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
        """Return whether the server is parked at the start: its weight is 0."""
        return self.weight == 0


def parse(text: str, first_line: int) -> tuple[list[ServerLine], list[Problem]]:
    """Read the lines; `first_line` is the line of the text's first line in its file."""
    servers: list[ServerLine] = []
    problems: list[Problem] = []
    values: dict[str, str] = {}
    flags: frozenset[str] = frozenset()
    for number, raw in enumerate(text.splitlines(), first_line):
        words = raw.split("#", 1)[0].split()
        match words:
            case []:
                continue
            case ["default-server", *parameters]:
                more, more_flags = _parameters(parameters)
                values, flags = values | more, flags | more_flags
            case ["server", name, address, *parameters]:
                own, own_flags = _parameters(parameters)
                line = ServerLine(name, address, number, values | own, flags | own_flags)
                twin = next((each for each in servers if each.name == name), None)
                if twin is None:
                    servers.append(line)
                else:
                    what = f"server {name} is listed twice, first in line {twin.line}"
                    problems.append(Problem(number, what, "each server once"))
            case ["server", *_]:
                what = f"server line {' '.join(words)!r}"
                problems.append(Problem(number, what, "'server NAME NAME:8000 ...'"))
            case [word, *_]:
                expected = "a line 'server ...' or 'default-server ...'; the backends are made from these"
                problems.append(Problem(number, f"{word!r} is not a server line", expected))
    return servers, problems


def _parameters(words: list[str]) -> tuple[dict[str, str], frozenset[str]]:
    """Split a line's parameters into those with a value that matters here, and the other words."""
    values: dict[str, str] = {}
    flags: set[str] = set()
    rest = iter(words)
    for word in rest:
        if word in VALUED:
            values[word] = next(rest, "")
        else:
            flags.add(word)
    return values, frozenset(flags)
