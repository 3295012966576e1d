"""From samples of the controller's state to bands.

What state each server was in, from when to when. Pure.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

IN_ROTATION, PARKED, STARTING, DOWN, UNKNOWN = "in rotation", "parked", "starting", "down", "unknown"
GAP_S = 2.0
"""Samples come about every 0.25 s; over a longer pause than this nothing is claimed."""

DEFINITIONS = {
    IN_ROTATION: "healthy, and HAProxy gives it requests",
    PARKED: "healthy, kept out of rotation (a standby, or drained)",
    STARTING: "its container runs since a short time, not yet healthy",
    DOWN: "not healthy, or its container does not run",
    UNKNOWN: "no sample tells",
}


@dataclass(frozen=True)
class Band:
    """A server's state over a span of time, in seconds after the moment that times count from."""

    server: str
    state: str
    start_s: float
    end_s: float
    reason: str


def state_of(server: Mapping[str, Any]) -> str:
    """Name the state of one server of a sample."""
    health, container = str(server.get("health", "")), str(server.get("container", "running"))
    if health == "starting" or (health != "up" and container == "restarting"):
        return STARTING
    if health != "up" or container != "running":
        return DOWN if health else UNKNOWN
    return IN_ROTATION if server.get("in_rotation") else PARKED


def servers(samples: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return every server that a sample names, in the order of their first."""
    return list(dict.fromkeys(str(server.get("name")) for sample in samples for server in _servers(sample)))


def bands(samples: Sequence[Mapping[str, Any]], zero_s: float) -> list[Band]:
    """Return the bands of all servers; a state lasts from a sample to the next one.

    Server by server.
    """
    result: list[Band] = []
    open_bands: dict[str, Band] = {}
    names = servers(samples)
    for sample, after in pairwise([*samples, *samples[-1:]]):
        start, end = float(sample["time"]) - zero_s, float(after["time"]) - zero_s
        known = end - start <= GAP_S
        states = {str(server.get("name")): server for server in _servers(sample)}
        for name in names:
            server = states.get(name)
            state = state_of(server) if server and known else UNKNOWN
            before = open_bands.get(name)
            if before and before.state == state:
                open_bands[name] = Band(name, state, before.start_s, end, before.reason)
                continue
            if before:
                result.append(before)
            open_bands[name] = Band(name, state, start, end, str((server or {}).get("reason", "")))
    result += open_bands.values()
    return sorted(
        (band for band in result if band.end_s > band.start_s), key=lambda band: names.index(band.server)
    )


def _servers(sample: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    servers = sample.get("servers")
    return [server for server in servers if isinstance(server, dict)] if isinstance(servers, list) else []
