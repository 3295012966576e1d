"""Settings of the controller: each declared once, read from the environment into a frozen object."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from controller.model import Policy
from hadr.declare import SettingError, declared, read, setting

PREFIX = "CONTROLLER_"


def _duration(env: str, default_s: float, help_text: str) -> Any:
    return setting(env, default_s, help_text, unit="s", minimum=0.001, maximum=86_400)


@dataclass(frozen=True, slots=True)
class Settings:
    """All settings of the controller."""

    haproxy_socket: str = setting(
        "CONTROLLER_HAPROXY_SOCKET",
        "/run/haproxy/admin.sock",
        "HAProxy's admin socket, on the volume shared with it",
        unit="path",
    )
    backend: str = setting(
        "CONTROLLER_BACKEND", "predictors", "the backend whose servers are promoted and demoted", unit="name"
    )
    fallback: str = setting(
        "CONTROLLER_FALLBACK",
        "fallback",
        "the backend HAProxy uses when no server is in rotation",
        unit="name",
    )
    docker_url: str = setting(
        "CONTROLLER_DOCKER_URL", "http://docker-proxy:2375", "docker-proxy, the way to Docker", unit="URL"
    )
    project: str = setting(
        "CONTROLLER_PROJECT", "hadr-lab", "the Compose project whose containers are the servers", unit="name"
    )
    topology: str = setting("CONTROLLER_TOPOLOGY", "unknown", "the topology's name, for /state", unit="name")
    version: str = setting("CONTROLLER_VERSION", "unknown", "the lab's version, for /state", unit="version")
    port: int = setting(
        "CONTROLLER_PORT", 8405, "where the API listens", unit="port", minimum=1, maximum=65_535
    )
    tick_s: float = _duration("CONTROLLER_TICK_S", 0.2, "time between two observations while all is normal")
    alert_tick_s: float = _duration(
        "CONTROLLER_ALERT_TICK_S", 0.1, "time between two observations while something is not"
    )
    haproxy_timeout_s: float = _duration(
        "CONTROLLER_HAPROXY_TIMEOUT_S", 1.0, "longest wait for an answer of HAProxy"
    )
    docker_timeout_s: float = _duration(
        "CONTROLLER_DOCKER_TIMEOUT_S", 5.0, "longest wait for an answer of Docker"
    )
    docker_poll_s: float = _duration(
        "CONTROLLER_DOCKER_POLL_S", 2.0, "time between two lists of containers; events come between"
    )
    connect_timeout_s: float = _duration(
        "CONTROLLER_CONNECT_TIMEOUT_S",
        0.05,
        "a tripwire that ended and cannot connect anew within this time means death",
    )
    reconnect_pause_s: float = _duration(
        "CONTROLLER_RECONNECT_PAUSE_S", 0.25, "time between a tripwire's attempts to connect"
    )
    unhealthy_after_s: float = _duration(
        "CONTROLLER_UNHEALTHY_AFTER_S", 3.0, "/health turns 503 when HAProxy was not observed for this long"
    )
    journal_entries: int = setting(
        "CONTROLLER_JOURNAL_ENTRIES",
        10_000,
        "how much of the journal /journal remembers",
        unit="entries",
        minimum=1,
    )
    weight: int = setting(
        "CONTROLLER_WEIGHT",
        Policy().weight,
        "weight of a promoted standby",
        unit="weight",
        minimum=1,
        maximum=256,
    )
    saturation_s: float = _duration(
        "CONTROLLER_SATURATION_S",
        Policy().saturation_s,
        "a standby joins when all servers were saturated for this long",
    )
    stable_s: float = _duration(
        "CONTROLLER_STABLE_S", Policy().stable_s, "a standby is parked when it was not needed for this long"
    )
    reserve: float = setting(
        "CONTROLLER_RESERVE",
        Policy().reserve,
        "share of capacity that must be free after a standby is parked",
        unit="share",
        minimum=0,
        maximum=0.95,
    )
    load_smoothing_s: float = _duration(
        "CONTROLLER_LOAD_SMOOTHING_S", Policy().load_smoothing_s, "time constant of the smoothed load"
    )
    capacity_memory_s: float = _duration(
        "CONTROLLER_CAPACITY_MEMORY_S",
        Policy().capacity_memory_s,
        "a capacity measured during a saturation counts this long",
    )
    first_start_pause_s: float = _duration(
        "CONTROLLER_FIRST_START_PAUSE_S",
        Policy().first_start_pause_s,
        "a container that ended is started this long after its end",
    )
    start_pause_s: float = _duration(
        "CONTROLLER_START_PAUSE_S",
        Policy().start_pause_s,
        "pause before a second start in a row; doubles with each further one",
    )
    start_pause_max_s: float = _duration(
        "CONTROLLER_START_PAUSE_MAX_S",
        Policy().start_pause_max_s,
        "longest pause between two starts in a row",
    )
    proven_s: float = _duration(
        "CONTROLLER_PROVEN_S", Policy().proven_s, "the pauses start anew when a server was up for this long"
    )
    unready_restart_s: float = _duration(
        "CONTROLLER_UNREADY_RESTART_S",
        Policy().unready_restart_s,
        "a server alive but not ready for this long is restarted",
    )
    start_grace_s: float = _duration(
        "CONTROLLER_START_GRACE_S",
        Policy().start_grace_s,
        "no such restart within this time after a container's start",
    )

    @property
    def policy(self) -> Policy:
        """The settings that decisions depend on."""
        return Policy(**{each.name: getattr(self, each.name) for each in fields(Policy)})


SETTINGS = declared(Settings)


def load(environment: Mapping[str, str]) -> Settings:
    """Read and check the settings; raise SettingError."""
    settings = Settings(**read(Settings, environment, PREFIX))
    _cross_check(settings)
    return settings


def _cross_check(settings: Settings) -> None:
    pairs = (
        ("alert_tick_s", "tick_s"),
        ("tick_s", "unhealthy_after_s"),
        ("start_pause_s", "start_pause_max_s"),
        ("haproxy_timeout_s", "unhealthy_after_s"),
    )
    for small, large in pairs:
        first, second = getattr(settings, small), getattr(settings, large)
        if first > second:
            what = f"{PREFIX}{small.upper()}={first:g}: expected at most {PREFIX}{large.upper()}"
            raise SettingError(f"{what}, which is {second:g}")
    if not settings.docker_url.startswith(("http://", "https://")):
        raise SettingError(f"{PREFIX}DOCKER_URL={settings.docker_url!r}: expected http://host:port")
