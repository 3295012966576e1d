"""Whom a fault strikes: resolves a role against the present state.

Pure: state, words and seed in, names out.

A target is one of these words, or several with commas between:

    active, standby    servers of that role; `count` of them are drawn by the seed, all without a
                       count
    any                servers, whatever their role; `count` likewise
    all                every server; takes no count
    region:NAME        every server of a region; `count` of them with a count
    region             every server of the region of an active one, drawn by the seed; takes no
                       count
    struck             servers that a fault before this one strikes; `count` of them with a count
    predictor-N        that server
    controller, haproxy, docker-proxy, client    that place

What a topology does not have raises NotApplicableError. What no topology has is a LabError, and so
is a count of what is always the whole.
"""

from __future__ import annotations

import difflib
import random
import re
from collections.abc import Collection

from lab.errors import LabError
from lab.faults.contract import PLACES
from lab.parts.controller import State

ACTIVE, STANDBY, ANY, ALL, REGION = "active", "standby", "any", "all", "region"
STRUCK = "struck"
OTHER_PLACES = PLACES[1:]
WORDS = (ACTIVE, STANDBY, ANY, ALL, REGION, STRUCK, *OTHER_PLACES)
WHOLE = (ALL, REGION)
"""They stand for every server there is, or of a region: a count would contradict them."""
SERVER_NAME = re.compile(r"predictor-[0-9]+")


EXPECTED = f"{', '.join(WORDS)}, region:NAME, predictor-N (several with commas between)"


class NotApplicableError(LabError):
    """The topology that runs lacks what the scenario needs."""


def is_one(target: str) -> bool:
    """Return whether a target is one in some topology."""
    try:
        check(target)
    except LabError:
        return False
    return True


def check(target: str) -> None:
    """Raise LabError if a target is none in any topology; needs no running system."""
    words = _words(target)
    if not words:
        raise LabError("no target is given", remedy=f"one of: {EXPECTED}")
    for word in words:
        if word in WORDS or SERVER_NAME.fullmatch(word) or re.fullmatch(r"region:[\w.-]+", word):
            continue
        close = difflib.get_close_matches(word, WORDS, n=1)
        raise LabError(
            f"no target {word!r}; expected one of: {EXPECTED}",
            cause=f"a typing error: {close[0]!r} comes close" if close else "",
        )


def uncountable(target: str) -> tuple[str, ...]:
    """Return the words of a target that stand for a whole, so that no count goes with them."""
    return tuple(word for word in _words(target) if word in WHOLE)


def resolve(
    target: str, state: State, *, count: int | None = None, seed: int = 0, struck: Collection[str] = ()
) -> tuple[str, ...]:
    """Return the names that a target stands for, servers in the topology's order.

    `count` is for each word that stands for several servers, none of WHOLE; None is all of them.
    `struck` are those that faults before this one strike: a draw takes none of them, unless it is
    asked for by that word. The same state, words and seed give the same names.
    """
    check(target)
    if count is not None and (whole := uncountable(target)):
        raise LabError(
            f"a count of {count} with {whole[0]!r}, which is all of them",
            remedy=f"leave out the count, or choose from {ANY} or region:NAME",
        )
    if count is not None and count < 1:
        raise LabError(f"a count of {count} targets; expected 1 or more")
    draw = random.Random(seed)  # noqa: S311 - a choice that can be repeated, not a secret
    chosen: list[str] = []
    for word in _words(target):
        names = _resolve(word, state, count, draw, taken=set(chosen), struck=set(struck))
        chosen += [name for name in names if name not in chosen]
    order = [server.name for server in state.servers]
    servers = tuple(name for name in order if name in chosen)
    return servers + tuple(name for name in chosen if name not in order)


def _words(target: str) -> list[str]:
    return [word.strip() for word in target.split(",") if word.strip()]


def _resolve(
    word: str, state: State, count: int | None, draw: random.Random, *, taken: set[str], struck: set[str]
) -> tuple[str, ...]:
    """Resolve one word; a draw takes none that another word or an earlier fault took."""
    if word in OTHER_PLACES:
        return (word,)
    names = tuple(server.name for server in state.servers)
    if SERVER_NAME.fullmatch(word):
        if word not in names:
            known = ", ".join(names)
            raise NotApplicableError(f"the topology {state.topology} has no server {word}; it has {known}")
        return (word,)
    match word:
        case "struck":
            names = tuple(name for name in names if name in struck)
            lacking = "no fault before this one strikes a server"
        case "active" | "standby":
            names = tuple(server.name for server in state.with_role(word))
            lacking = f"the topology {state.topology} has no {word} server"
        case "any" | "all":
            lacking = f"the topology {state.topology} has no server"
        case _:
            actives = [server.region for server in state.with_role(ACTIVE)]
            region = word.partition(":")[2] or (draw.choice(actives) if actives else "")
            names = tuple(server.name for server in state.servers if server.region == region)
            regions = ", ".join(sorted({server.region for server in state.servers}))
            lacking = f"the topology {state.topology} has no region {region!r}; it has {regions}"
    if not names:
        raise NotApplicableError(lacking)
    if count is None:
        return names
    taken = taken if word == STRUCK else taken | struck
    left = [name for name in names if name not in taken]
    if count > len(left):
        there = f"{len(left)} ({', '.join(left)})" if left else "none left"
        raise NotApplicableError(f"{count} x {word} asked for; the topology {state.topology} has {there}")
    return tuple(draw.sample(left, count))
