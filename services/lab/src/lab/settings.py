"""The lab's settings: each declared once, with its variable, default, unit and help.

They are read from the environment into the frozen `Settings`; an empty variable counts as unset, so
that Compose and make can pass each on without knowing its default. Importing this module has no
side effect.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from math import inf
from pathlib import Path

from hadr import declare
from hadr.declare import read, setting
from lab.errors import SettingError

LOADTEST, CHAOS, EXPERIMENT = "loadtest", "chaos", "experiment"

NOT_SETTINGS = ("LAB_RUN_FOLDER", "LAB_RUN_OPTIONS")
"""Variables for a single run: where the generator finds its load, and options of `docker run`."""

PATTERNS = ("ramp", "constant", "steps", "spike", "users")
ARRIVALS = ("poisson", "even")

PREFIX = "LAB_"
PORT = (1, 65_535)
_load = partial(setting, group=LOADTEST)
_chaos = partial(setting, group=CHAOS)
_experiment = partial(setting, group=EXPERIMENT)


@dataclass(frozen=True)
class Settings:
    """Everything the lab's commands can be told; numbers in the unit that their name ends in."""

    target_url: str = setting("http://haproxy:8000", "where requests are sent", env="LAB_TARGET", unit="URL")
    predictor_url: str = setting(
        "http://{server}:8000", "where a predictor is reached past HAProxy; {server} is its name", unit="URL"
    )
    stats_url: str = setting("http://haproxy:8404", "HAProxy's stats page", env="LAB_STATS", unit="URL")
    controller_url: str = setting(
        "http://controller:8405", "the controller's interface", env="LAB_CONTROLLER", unit="URL"
    )
    docker_url: str = setting("http://fault-proxy:2375", "the Docker filter that permits faults", unit="URL")
    watchdog: str = setting("watchdog:8406", "the service that ends faults", unit="host:port")
    project: str = setting("hadr-lab", "the Compose project's name")
    topology: str = setting("", "the topology's name; empty: as the controller says")
    version: str = setting("unknown", "the lab's version, written into each result")
    port: int = setting(8000, "the host's port of HAProxy, for printing", within=PORT)
    stats_port: int = setting(8404, "the host's port of the stats page, for printing", within=PORT)
    controller_port: int = setting(8405, "the controller's host port, for printing", within=PORT)
    ui_port: int = setting(8089, "the host's port of Locust's web interface, for printing", within=PORT)
    results_dir: Path = setting(
        "/results", "where results are written", env="LAB_RESULTS", unit="folder", kind=Path
    )
    topologies_dir: Path = setting(
        "/topologies", "where the topology files are", env="LAB_TOPOLOGIES", unit="folder", kind=Path
    )
    scenarios_dir: Path = setting(
        "/scenarios", "where the user's own scenarios are", env="LAB_SCENARIOS", unit="folder", kind=Path
    )
    model: Path = setting(
        "/app/model.onnx",
        "the model that the predictors serve, from which the right answers come",
        unit="file",
        kind=Path,
    )
    wait_s: float = setting(120.0, "how long a command waits for the system", within=(0, 3600))
    steady_wait_s: float = setting(
        30.0,
        "how long a measurement waits for the system to be steady before it refuses to start",
        within=(0, 3600),
    )

    pattern: str = _load(
        "ramp",
        "how the rate goes: ramp (grows steadily), constant, steps (grows every STEP_S), spike (RATE_MAX for "
        "SPIKE_S in the middle), users (closed model: USERS that wait for their replies, as in the article)",
        choices=PATTERNS,
    )
    rate: float = _load(10.0, "the rate at the start", unit="requests/s", within=(0.1, 20000))
    rate_max: float = _load(1000.0, "the rate is never above this", unit="requests/s", within=(0.1, 20000))
    ramp_per_s: float = _load(
        4.0,
        "how much the rate grows each second (users: how many users start each second)",
        env="RAMP",
        unit="requests/s per s",
        within=(0.01, 10000),
    )
    duration_s: float = _load(180.0, "the run is never longer than this", env="DURATION", within=(1, 86400))
    step_s: float = _load(10.0, "how long a step lasts", within=(1, 3600))
    spike_s: float = _load(10.0, "how long the spike lasts", within=(0.1, 3600))
    users: int = _load(
        0, "the number of closed users; above 0 it selects PATTERN=users", unit="users", within=(0, 5000)
    )
    think_s: float = _load(1.0, "how long a closed user pauses after a reply", within=(0, 3600))
    arrivals: str = _load(
        "poisson", "the spacing of arrivals: poisson (independent clients) or even", choices=ARRIVALS
    )
    seed: int = _load(1, "the same seed gives the same arrivals, bodies and targets", within=(0, inf))
    limit_ms: float = _load(
        1000.0, "a reply later than this after its scheduled time is a failure (late)", within=(1, 60000)
    )
    timeout_s: float = _load(
        5.0,
        "the deadline of a request, from its connection to the last byte of its reply (else an error)",
        within=(0.1, 120),
    )
    beyond_s: float = _load(
        5.0,
        "how long the load goes on after the first failure; -1: to the end of DURATION",
        within=(-1, 3600),
    )
    in_flight_max: int = _load(
        4000,
        "requests in progress at once; reaching it means that the generator fell behind: the run is invalid",
        unit="requests",
        within=(1, 50000),
    )
    idle_min_percent: float = _load(
        3.0,
        "a run is invalid if, over any 5 s of it, less than this share of the machine's CPU was idle",
        env="IDLE_MIN",
        unit="%",
        within=(0, 100),
    )

    target: str = _chaos("", "the servers to strike, by name, with commas between")
    role: str = _chaos(
        "",
        "strike servers of this role (active where neither TARGET nor ROLE is given)",
        choices=("active", "standby"),
    )
    count: int = _chaos(1, "how many are struck at once", within=(1, 100))
    fault: str = _chaos("kill", "what is done to them: a file of lab/faults/kinds/")
    hang_s: float = _chaos(5.0, "how long a fault such as pause lasts", within=(0.1, 600))
    with_load: int = _chaos(0, "1: bring load along", env="LOAD", within=(0, 1))
    chaos_rate: float = _chaos(
        0.0,
        "the rate of that load; 0: 70 % of what is left in service can carry",
        unit="requests/s",
        within=(0, 20000),
    )
    chaos_wait_s: float = _chaos(
        90.0, "how long the system may take until it is steady again", within=(1, 3600)
    )

    scenario: str = _experiment("", "the experiment's scenario; make scenarios lists them")
    trials: int = _experiment(1, "how often, each time with the next SEED", unit="trials", within=(1, inf))

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] | None = None) -> "Settings":
        """Read the settings from the environment.

        Raise SettingError naming key, value and expectation.
        """
        source = os.environ if environment is None else environment
        try:
            values = read(cls, source, PREFIX, allowed=NOT_SETTINGS)
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


SETTINGS = declare.declared(Settings, PREFIX)
