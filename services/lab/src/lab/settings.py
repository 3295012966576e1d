"""The lab's settings: each declared once, with its variable, default, unit and help.

They are read from the environment into the frozen `Settings`; an empty variable counts as unset, so that
Compose and make can pass each on without knowing its default. Importing this module has no side effect.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from hadr import declare
from hadr.declare import read, setting
from lab.errors import SettingError

LOADTEST, CHAOS, EXPERIMENT = "loadtest", "chaos", "experiment"

NOT_SETTINGS = ("LAB_RUN_FOLDER", "LAB_RUN_OPTIONS")
"""Variables for a single run: where the generator finds its load, and options of `docker run`."""

PATTERNS = ("ramp", "constant", "steps", "spike", "users")
ARRIVALS = ("poisson", "even")


@dataclass(frozen=True)
class Settings:
    """Everything the lab's commands can be told; numbers in the unit that their name ends in."""

    target_url: str = setting("LAB_TARGET", "http://haproxy:8000", "where requests are sent", unit="URL")
    predictor_url: str = setting(
        "LAB_PREDICTOR_URL",
        "http://{server}:8000",
        "where a predictor is reached past HAProxy; {server} is its name",
        unit="URL",
    )
    stats_url: str = setting("LAB_STATS", "http://haproxy:8404", "HAProxy's stats page", unit="URL")
    controller_url: str = setting(
        "LAB_CONTROLLER", "http://controller:8405", "the controller's interface", unit="URL"
    )
    docker_url: str = setting(
        "LAB_DOCKER_URL", "http://fault-proxy:2375", "the Docker filter that permits faults", unit="URL"
    )
    watchdog: str = setting("LAB_WATCHDOG", "watchdog:8406", "the service that ends faults", unit="host:port")
    project: str = setting("LAB_PROJECT", "hadr-lab", "the Compose project's name")
    topology: str = setting("LAB_TOPOLOGY", "", "the topology's name; empty: as the controller says")
    version: str = setting("LAB_VERSION", "unknown", "the lab's version, written into each result")
    port: int = setting(
        "LAB_PORT", 8000, "the host's port of HAProxy, for printing", minimum=1, maximum=65535
    )
    stats_port: int = setting(
        "LAB_STATS_PORT", 8404, "the host's port of the stats page, for printing", minimum=1, maximum=65535
    )
    controller_port: int = setting(
        "LAB_CONTROLLER_PORT", 8405, "the controller's host port, for printing", minimum=1, maximum=65535
    )
    ui_port: int = setting(
        "LAB_UI_PORT",
        8089,
        "the host's port of Locust's web interface, for printing",
        minimum=1,
        maximum=65535,
    )
    results_dir: Path = setting(  # noqa: RUF009 - a Path is immutable
        "LAB_RESULTS", "/results", "where results are written", unit="folder", kind=Path
    )
    topologies_dir: Path = setting(  # noqa: RUF009 - a Path is immutable
        "LAB_TOPOLOGIES", "/topologies", "where the topology files are", unit="folder", kind=Path
    )
    scenarios_dir: Path = setting(  # noqa: RUF009 - a Path is immutable
        "LAB_SCENARIOS", "/scenarios", "where the user's own scenarios are", unit="folder", kind=Path
    )
    model: Path = setting(  # noqa: RUF009 - a Path is immutable
        "LAB_MODEL",
        "/app/model.onnx",
        "the model that the predictors serve, from which the right answers come",
        unit="file",
        kind=Path,
    )
    wait_s: float = setting(
        "LAB_WAIT_S", 120.0, "how long a command waits for the system", unit="s", minimum=0, maximum=3600
    )
    steady_wait_s: float = setting(
        "LAB_STEADY_WAIT_S",
        30.0,
        "how long a measurement waits for the system to be steady before it refuses to start",
        unit="s",
        minimum=0,
        maximum=3600,
    )

    pattern: str = setting(
        "PATTERN",
        "ramp",
        "how the rate goes: ramp (grows steadily), constant, steps (grows every STEP_S), spike (RATE_MAX for "
        "SPIKE_S in the middle), users (closed model: USERS that wait for their replies, as in the article)",
        group=LOADTEST,
        choices=PATTERNS,
    )
    rate: float = setting(
        "RATE", 10.0, "the rate at the start", unit="requests/s", group=LOADTEST, minimum=0.1, maximum=20000
    )
    rate_max: float = setting(
        "RATE_MAX",
        1000.0,
        "the rate is never above this",
        unit="requests/s",
        group=LOADTEST,
        minimum=0.1,
        maximum=20000,
    )
    ramp_per_s: float = setting(
        "RAMP",
        4.0,
        "how much the rate grows each second (users: how many users start each second)",
        unit="requests/s per s",
        group=LOADTEST,
        minimum=0.01,
        maximum=10000,
    )
    duration_s: float = setting(
        "DURATION",
        180.0,
        "the run is never longer than this",
        unit="s",
        group=LOADTEST,
        minimum=1,
        maximum=86400,
    )
    step_s: float = setting(
        "STEP_S", 10.0, "how long a step lasts", unit="s", group=LOADTEST, minimum=1, maximum=3600
    )
    spike_s: float = setting(
        "SPIKE_S", 10.0, "how long the spike lasts", unit="s", group=LOADTEST, minimum=0.1, maximum=3600
    )
    users: int = setting(
        "USERS",
        0,
        "the number of closed users; above 0 it selects PATTERN=users",
        unit="users",
        group=LOADTEST,
        minimum=0,
        maximum=5000,
    )
    think_s: float = setting(
        "THINK_S",
        1.0,
        "how long a closed user pauses after a reply",
        unit="s",
        group=LOADTEST,
        minimum=0,
        maximum=3600,
    )
    arrivals: str = setting(
        "ARRIVALS",
        "poisson",
        "the spacing of arrivals: poisson (independent clients) or even",
        group=LOADTEST,
        choices=ARRIVALS,
    )
    seed: int = setting(
        "SEED", 1, "the same seed gives the same arrivals, bodies and targets", group=LOADTEST, minimum=0
    )
    limit_ms: float = setting(
        "LIMIT_MS",
        1000.0,
        "a reply later than this after its scheduled time is a failure (late)",
        unit="ms",
        group=LOADTEST,
        minimum=1,
        maximum=60000,
    )
    timeout_s: float = setting(
        "TIMEOUT_S",
        5.0,
        "the deadline of a request, from its connection to the last byte of its reply (else an error)",
        unit="s",
        group=LOADTEST,
        minimum=0.1,
        maximum=120,
    )
    beyond_s: float = setting(
        "BEYOND_S",
        5.0,
        "how long the load goes on after the first failure; -1: to the end of DURATION",
        unit="s",
        group=LOADTEST,
        minimum=-1,
        maximum=3600,
    )
    in_flight_max: int = setting(
        "IN_FLIGHT_MAX",
        4000,
        "requests in progress at once; reaching it means that the generator fell behind: the run is invalid",
        unit="requests",
        group=LOADTEST,
        minimum=1,
        maximum=50000,
    )
    idle_min_percent: float = setting(
        "IDLE_MIN",
        3.0,
        "a run is invalid if, over any 5 s of it, less than this share of the machine's CPU was idle",
        unit="%",
        group=LOADTEST,
        minimum=0,
        maximum=100,
    )

    target: str = setting("TARGET", "", "the servers to strike, by name, with commas between", group=CHAOS)
    role: str = setting(
        "ROLE",
        "",
        "strike servers of this role (active where neither TARGET nor ROLE is given)",
        group=CHAOS,
        choices=("active", "standby"),
    )
    count: int = setting("COUNT", 1, "how many are struck at once", group=CHAOS, minimum=1, maximum=100)
    fault: str = setting("FAULT", "kill", "what is done to them: a file of lab/faults/kinds/", group=CHAOS)
    hang_s: float = setting(
        "HANG_S", 5.0, "how long a fault such as pause lasts", unit="s", group=CHAOS, minimum=0.1, maximum=600
    )
    with_load: int = setting("LOAD", 0, "1: bring load along", group=CHAOS, minimum=0, maximum=1)
    chaos_rate: float = setting(
        "CHAOS_RATE",
        0.0,
        "the rate of that load; 0: 70 % of what the servers left can carry",
        unit="requests/s",
        group=CHAOS,
        minimum=0,
        maximum=20000,
    )
    chaos_wait_s: float = setting(
        "CHAOS_WAIT_S",
        90.0,
        "how long the system may take until it is steady again",
        unit="s",
        group=CHAOS,
        minimum=1,
        maximum=3600,
    )

    scenario: str = setting(
        "SCENARIO", "", "the experiment's scenario; make scenarios lists them", group=EXPERIMENT
    )
    trials: int = setting(
        "TRIALS", 1, "how often, each time with the next SEED", unit="trials", group=EXPERIMENT, minimum=1
    )

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] | None = None) -> "Settings":
        """Read the settings from the environment; raise SettingError naming key, value and expectation."""
        source = os.environ if environment is None else environment
        try:
            values = read(cls, source, "LAB_", allowed=NOT_SETTINGS)
        except declare.SettingError as error:
            raise SettingError(str(error)) from error
        if values.get("users", 0) > 0:
            values.setdefault("pattern", "users")
        settings = cls(**values)
        settings.check()
        return settings

    def check(self) -> None:
        """Refuse values that are right alone and wrong together."""
        if self.pattern == "users" and self.users == 0:
            raise SettingError(
                "PATTERN=users needs USERS above 0", remedy="give the number, such as USERS=50"
            )
        if self.pattern != "users" and self.users > 0:
            raise SettingError(
                f"USERS={self.users} does not go with PATTERN={self.pattern}",
                cause="users wait for their replies, the other patterns send at scheduled times",
                remedy="leave out one of the two",
            )
        if self.pattern != "users" and self.rate > self.rate_max:
            raise SettingError(
                f"RATE={self.rate:g} is above RATE_MAX={self.rate_max:g}",
                remedy="raise RATE_MAX or lower RATE",
            )
        if self.timeout_s * 1000 < self.limit_ms:
            raise SettingError(
                f"TIMEOUT_S={self.timeout_s:g} is shorter than LIMIT_MS={self.limit_ms:g}",
                remedy="a request has to be waited for until it is late: raise TIMEOUT_S",
            )
        if self.pattern == "spike" and self.spike_s >= self.duration_s:
            raise SettingError(
                f"SPIKE_S={self.spike_s:g} is not shorter than DURATION={self.duration_s:g}",
                remedy="the load needs time before and after the spike",
            )


SETTINGS = declare.declared(Settings)
