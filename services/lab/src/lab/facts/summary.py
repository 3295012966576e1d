"""A result folder in, its summary out: the numbers of lab.metrics and whether they may be trusted."""

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lab.facts.metrics import (
    LAG_LIMIT_MS,
    FirstFailure,
    Lag,
    Latency,
    Records,
    Server,
    rate_max_without_failure_per_s,
)
from lab.load import spec
from lab.load.cpu import CpuUse, cpu_use
from lab.records import (
    CPU,
    ERROR,
    GENERATOR,
    LATE,
    NONE,
    REFUSED,
    SETTINGS_FILE,
    SUMMARY,
    read_json,
    write_json,
)

LAG_SHARE_MAX_PERCENT = 1.0


@dataclass(frozen=True)
class Generator:
    """What the generator said of itself; `complete` is False if it died before it could."""

    complete: bool
    unfinished_requests: int
    in_flight_peak_requests: int
    in_flight_bound_hits: int
    stopped_because: str


@dataclass(frozen=True)
class Summary:
    """The numbers of one run; lab.metrics has the definitions."""

    folder: str
    topology: str
    cost_factor: float
    pattern: str
    limit_ms: float
    duration_s: float
    sent_requests: int
    served_requests: int
    refused_requests: int
    error_requests: int
    late_requests: int
    rate_max_without_failure_per_s: float
    rate_served_max_per_s: float
    first_failure: FirstFailure | None
    latency: Latency
    servers: tuple[Server, ...]
    lag: Lag
    generator: Generator
    cpu: CpuUse
    valid: bool
    invalid_because: tuple[str, ...]

    @property
    def failed_requests(self) -> int:
        """Failures of all kinds."""
        return self.refused_requests + self.error_requests + self.late_requests


def invalid_because(lag: Lag, generator: Generator, cpu: CpuUse, idle_min_percent: float) -> tuple[str, ...]:
    """List what makes a run invalid, each as a sentence; empty for a valid run."""
    reasons = []
    if not generator.complete:
        reasons.append("the generator ended before its run was over")
    if lag.late_percent > LAG_SHARE_MAX_PERCENT:
        reasons.append(
            f"the generator fell behind: {lag.late_percent:.1f} % of the requests were sent more than "
            f"{LAG_LIMIT_MS:g} ms after they were due (at most {LAG_SHARE_MAX_PERCENT:g} % may be)"
        )
    if generator.in_flight_bound_hits:
        reasons.append(
            f"the generator fell behind: {generator.in_flight_bound_hits} requests had to wait because "
            f"{generator.in_flight_peak_requests} were in progress (IN_FLIGHT_MAX)"
        )
    if cpu.idle_lowest_percent is not None and cpu.idle_lowest_percent < idle_min_percent:
        reasons.append(
            f"the machine had no CPU left: {cpu.idle_lowest_percent:.1f} % idle over 5 s "
            f"(at least {idle_min_percent:g} % must be; IDLE_MIN)"
        )
    return tuple(reasons)


def generator_of(folder: Path) -> tuple[Generator, dict[str, Any]]:
    """Read how the generator fared, and all that it said of itself."""
    if not (folder / GENERATOR).is_file():
        return Generator(False, 0, 0, 0, "it died"), {}
    said = read_json(folder / GENERATOR)
    names = ("unfinished_requests", "in_flight_peak_requests", "in_flight_bound_hits", "stopped_because")
    return Generator(True, *(said[name] for name in names)), said


def records_of(folder: Path) -> Records:
    """Open the rows of a result folder."""
    saved = read_json(folder / SETTINGS_FILE)
    _, said = generator_of(folder)
    return Records(
        folder, started_s=said.get("started_s", saved["started_s"]), limit_ms=spec.read(folder).limit_ms
    )


def summarise(folder: Path) -> Summary:
    """Make the summary of a result folder from its saved records."""
    saved = read_json(folder / SETTINGS_FILE)
    asked = spec.read(folder)
    generator, _ = generator_of(folder)
    records = records_of(folder)
    counts = records.failures()
    seconds = records.seconds()
    first_failure = records.first_failure()
    lag, cpu = records.lag(), cpu_use(folder / CPU)
    reasons = invalid_because(lag, generator, cpu, saved["settings"]["idle_min_percent"])
    return Summary(
        folder=folder.name,
        topology=saved["topology"],
        cost_factor=saved["cost_factor"],
        pattern=asked.pattern,
        limit_ms=asked.limit_ms,
        duration_s=float(seconds[-1].second + 1) if seconds else 0.0,
        sent_requests=sum(counts.values()),
        served_requests=counts.get(NONE, 0),
        refused_requests=counts.get(REFUSED, 0),
        error_requests=counts.get(ERROR, 0),
        late_requests=counts.get(LATE, 0),
        rate_max_without_failure_per_s=rate_max_without_failure_per_s(seconds),
        rate_served_max_per_s=records.served_max_per_s(),
        first_failure=first_failure,
        latency=records.latency(),
        servers=records.servers(first_failure),
        lag=lag,
        generator=generator,
        cpu=cpu,
        valid=not reasons,
        invalid_because=reasons,
    )


def save(folder: Path, summary: Summary) -> None:
    """Write summary.json."""
    write_json(folder / SUMMARY, dataclasses.asdict(summary))


def load(folder: Path) -> Summary:
    """Read summary.json back."""
    raw = read_json(folder / SUMMARY)
    first = raw["first_failure"]
    return Summary(
        **{
            **raw,
            "first_failure": FirstFailure(**first) if first else None,
            "latency": Latency(**raw["latency"]),
            "servers": tuple(Server(**server) for server in raw["servers"]),
            "lag": Lag(**raw["lag"]),
            "generator": Generator(**raw["generator"]),
            "cpu": CpuUse(**raw["cpu"]),
            "invalid_because": tuple(raw["invalid_because"]),
        }
    )
