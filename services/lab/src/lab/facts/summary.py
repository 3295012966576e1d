"""A result folder in, its summary out.

The numbers of lab.facts.metrics and whether they may be trusted.
"""

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lab.facts import service, validity
from lab.facts.metrics import (
    GENERATORS,
    FirstFailure,
    Lag,
    Latency,
    Records,
    Server,
    rate_max_without_failure_per_s,
)
from lab.facts.validity import Generator
from lab.load import spec
from lab.load.cpu import CpuUse, cpu_use
from lab.records.classes import ERROR, LATE, NONE, REFUSED
from lab.records.folder import CPU, SETTINGS_FILE, SUMMARY, read_json, write_json


@dataclass(frozen=True)
class Summary:
    """The numbers of one run; lab.facts.metrics has the definitions."""

    folder: str
    topology: str
    service: dict[str, dict[str, Any]]  # by server, as it was stated in /info before the load
    pattern: str
    limit_ms: float
    duration_s: float
    sent_requests: int
    served_requests: int
    refused_requests: int
    error_requests: int
    late_requests: int
    generator_late_requests: int
    rate_reached_per_s: float
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
    rate_doubtful_because: tuple[str, ...]

    @property
    def failed_requests(self) -> int:
        """Failures of all kinds that are the system's."""
        return self.refused_requests + self.error_requests + self.late_requests

    @property
    def doubts(self) -> tuple[str, ...]:
        """All that speaks against the numbers, a sentence each; empty for a valid run."""
        return (*self.invalid_because, *self.rate_doubtful_because)


def records_of(folder: Path) -> Records:
    """Open the rows of a result folder."""
    saved = read_json(folder / SETTINGS_FILE)
    _, record = validity.generator_of(folder)
    return Records(folder, spec.read(folder), started_s=record.get("started_s", saved["started_s"]))


def summarise(folder: Path) -> Summary:
    """Make the summary of a result folder from its saved records."""
    saved = read_json(folder / SETTINGS_FILE)
    asked = spec.read(folder)
    generator, _ = validity.generator_of(folder)
    records = records_of(folder)
    counts = records.failures()
    seconds = records.seconds()
    first_failure = records.first_failure()
    lag, cpu = records.lag(first_failure), cpu_use(folder / CPU)
    invalid_because = (
        *validity.invalid_because(records.rows(), lag, generator, cpu, saved["settings"]["idle_min_percent"]),
        *service.invalid_because(folder),
    )
    doubtful_because = validity.rate_doubtful_because(lag)
    return Summary(
        folder=folder.name,
        topology=saved["topology"],
        service=saved.get("service") or {},
        pattern=asked.pattern,
        limit_ms=asked.limit_ms,
        duration_s=float(seconds[-1].second + 1) if seconds else 0.0,
        sent_requests=sum(counts.values()),
        served_requests=counts.get(NONE, 0),
        refused_requests=counts.get(REFUSED, 0),
        error_requests=counts.get(ERROR, 0),
        late_requests=counts.get(LATE, 0),
        generator_late_requests=counts.get(GENERATORS, 0),
        rate_reached_per_s=records.rate_reached_per_s(),
        rate_max_without_failure_per_s=rate_max_without_failure_per_s(seconds),
        rate_served_max_per_s=records.served_max_per_s(),
        first_failure=first_failure,
        latency=records.latency(),
        servers=records.servers(first_failure),
        lag=lag,
        generator=generator,
        cpu=cpu,
        valid=not invalid_because and not doubtful_because,
        invalid_because=invalid_because,
        rate_doubtful_because=doubtful_because,
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
            "rate_doubtful_because": tuple(raw["rate_doubtful_because"]),
        }
    )
