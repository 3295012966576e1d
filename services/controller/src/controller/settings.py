"""Settings of the controller.

Each declared once, read from the environment into a frozen object.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from math import inf

from controller.model import Policy, duration
from hadr.declare import SettingError, declared, read, setting

PREFIX = "CONTROLLER_"


@dataclass(frozen=True, slots=True)
class Settings(Policy):
    """All settings of the controller; those that decisions depend on are the policy's."""

    haproxy_socket: str = setting(
        "/run/haproxy/admin.sock", "HAProxy's admin socket, on the volume shared with it", unit="path"
    )
    backend: str = setting("predictors", "the backend whose servers are promoted and demoted", unit="name")
    fallback: str = setting("fallback", "the backend HAProxy uses when no server is in rotation", unit="name")
    docker_url: str = setting("http://docker-proxy:2375", "docker-proxy, the way to Docker", unit="URL")
    project: str = setting("hadr-lab", "the Compose project whose containers are the servers", unit="name")
    topology: str = setting("unknown", "the topology's name, for /state", unit="name")
    version: str = setting("unknown", "the lab's version, for /state", unit="version")
    port: int = setting(8405, "where the API listens", unit="port", within=(1, 65_535))
    tick_s: float = duration(0.2, "time between two observations while all is normal")
    alert_tick_s: float = duration(0.1, "time between two observations while something is not")
    haproxy_timeout_s: float = duration(1.0, "longest wait for an answer of HAProxy")
    docker_timeout_s: float = duration(5.0, "longest wait for an answer of Docker")
    docker_poll_s: float = duration(2.0, "time between two lists of containers; events come between")
    connect_timeout_s: float = duration(
        0.05, "a tripwire that ended and cannot connect anew within this time means death"
    )
    reconnect_pause_s: float = duration(0.25, "time between a tripwire's attempts to connect")
    unhealthy_after_s: float = duration(3.0, "/health turns 503 when HAProxy was not observed for this long")
    journal_entries: int = setting(
        10_000, "how much of the journal /journal remembers", unit="entries", within=(1, inf)
    )

    @property
    def policy(self) -> Policy:
        """The settings that decisions depend on."""
        return Policy(**{each.name: getattr(self, each.name) for each in fields(Policy)})


SETTINGS = declared(Settings, PREFIX)


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
