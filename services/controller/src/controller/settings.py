"""Settings of the controller: each declared once, read from the environment into a frozen object."""

from collections.abc import Callable, Mapping
from dataclasses import MISSING, Field, dataclass, field, fields
from typing import Any

from controller.model import Policy

PREFIX = "CONTROLLER_"


class SettingError(ValueError):
    """A setting that cannot be used: names the key, the value and what was expected."""


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting as a reader of the documentation wants it."""

    env: str
    default: str
    unit: str
    help: str


def _text(value: str) -> str:
    return value


def _positive(value: str) -> float:
    number = float(value)
    if not 0 < number < float("inf"):
        raise ValueError("must be above 0")
    return number


def _share(value: str) -> float:
    number = float(value)
    if not 0 <= number < 1:
        raise ValueError("must be at least 0 and below 1")
    return number


def _count(value: str) -> int:
    number = int(value)
    if number < 1:
        raise ValueError("must be at least 1")
    return number


def _weight(value: str) -> int:
    number = int(value)
    if not 1 <= number <= 256:  # noqa: PLR2004 - HAProxy's largest weight
        raise ValueError("must be 1 to 256")
    return number


def _setting(default: Any, parse: Callable[[str], Any], unit: str, text: str) -> Any:
    return field(default=default, metadata={"parse": parse, "unit": unit, "help": text})


EXPECTED = {
    _text: "a text",
    _positive: "a number above 0",
    _share: "a number from 0 to below 1",
    _count: "a whole number of at least 1",
    _weight: "a whole number from 1 to 256",
}


@dataclass(frozen=True, slots=True)
class Settings:
    """All settings, checked. The environment variable of a field is CONTROLLER_ and its name in capitals."""

    haproxy_socket: str = _setting(
        "/run/haproxy/admin.sock", _text, "path", "HAProxy's admin socket, on the volume shared with it"
    )
    backend: str = _setting("predictors", _text, "name", "the backend whose servers are promoted and demoted")
    fallback: str = _setting(
        "fallback", _text, "name", "the backend HAProxy uses when no server is in rotation"
    )
    docker_url: str = _setting("http://docker-proxy:2375", _text, "URL", "docker-proxy, the way to Docker")
    project: str = _setting("hadr-lab", _text, "name", "the Compose project whose containers are the servers")
    topology: str = _setting("unknown", _text, "name", "the topology's name, for /state")
    version: str = _setting("unknown", _text, "version", "the lab's version, for /state")
    cost_factor: int = _setting(1, _count, "factor", "the predictors' cost factor, for /state")
    port: int = _setting(8405, _count, "port", "where the API listens")
    tick_s: float = _setting(0.2, _positive, "s", "time between two observations while all is normal")
    alert_tick_s: float = _setting(
        0.1, _positive, "s", "time between two observations while something is not"
    )
    haproxy_timeout_s: float = _setting(1.0, _positive, "s", "longest wait for an answer of HAProxy")
    docker_timeout_s: float = _setting(5.0, _positive, "s", "longest wait for an answer of Docker")
    docker_poll_s: float = _setting(
        2.0, _positive, "s", "time between two lists of containers; events come between"
    )
    connect_timeout_s: float = _setting(
        0.05, _positive, "s", "a tripwire that ended and cannot connect anew within this time means death"
    )
    reconnect_pause_s: float = _setting(0.25, _positive, "s", "time between a tripwire's attempts to connect")
    unhealthy_after_s: float = _setting(
        3.0, _positive, "s", "/health turns 503 when HAProxy was not observed for this long"
    )
    journal_entries: int = _setting(10_000, _count, "entries", "how much of the journal /journal remembers")
    weight: int = _setting(Policy().weight, _weight, "weight", "weight of a promoted standby")
    saturation_s: float = _setting(
        Policy().saturation_s, _positive, "s", "a standby joins when all servers were saturated for this long"
    )
    stable_s: float = _setting(
        Policy().stable_s, _positive, "s", "a standby is parked when it was not needed for this long"
    )
    reserve: float = _setting(
        Policy().reserve, _share, "share", "share of capacity that must be free after a standby is parked"
    )
    load_smoothing_s: float = _setting(
        Policy().load_smoothing_s, _positive, "s", "time constant of the smoothed load"
    )
    capacity_memory_s: float = _setting(
        Policy().capacity_memory_s, _positive, "s", "a capacity measured during a saturation counts this long"
    )
    first_start_pause_s: float = _setting(
        Policy().first_start_pause_s,
        _positive,
        "s",
        "a container that ended is started this long after its end",
    )
    start_pause_s: float = _setting(
        Policy().start_pause_s,
        _positive,
        "s",
        "pause before a second start in a row; doubles with each further one",
    )
    start_pause_max_s: float = _setting(
        Policy().start_pause_max_s, _positive, "s", "longest pause between two starts in a row"
    )
    proven_s: float = _setting(
        Policy().proven_s, _positive, "s", "the pauses start anew when a server was up for this long"
    )
    unready_restart_s: float = _setting(
        Policy().unready_restart_s, _positive, "s", "a server alive but not ready for this long is restarted"
    )
    start_grace_s: float = _setting(
        Policy().start_grace_s, _positive, "s", "no such restart within this time after a container's start"
    )

    @property
    def policy(self) -> Policy:
        """The settings that decisions depend on."""
        return Policy(**{each.name: getattr(self, each.name) for each in fields(Policy)})


def _env(each: Field[Any]) -> str:
    return PREFIX + each.name.upper()


SETTINGS: tuple[Setting, ...] = tuple(
    Setting(_env(each), str(each.default), each.metadata["unit"], each.metadata["help"])
    for each in fields(Settings)
    if each.default is not MISSING
)


def load(environment: Mapping[str, str]) -> Settings:
    """Read and check the settings; an empty variable counts as not set. Raises SettingError."""
    known = {_env(each): each for each in fields(Settings)}
    unknown = sorted(key for key in environment if key.startswith(PREFIX) and key not in known)
    if unknown:
        raise SettingError(f"{unknown[0]} is not a setting of the controller; there are: {', '.join(known)}")
    values: dict[str, Any] = {}
    for key, each in known.items():
        text = environment.get(key, "")
        if not text:
            continue
        parse = each.metadata["parse"]
        try:
            values[each.name] = parse(text)
        except ValueError as error:
            raise SettingError(f"{key}={text!r}: expected {EXPECTED[parse]}") from error
    settings = Settings(**values)
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
    if settings.port > 65535:  # noqa: PLR2004 - the largest TCP port
        raise SettingError(f"{PREFIX}PORT={settings.port}: expected 1 to 65535")
