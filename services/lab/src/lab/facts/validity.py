"""Whether a load's records may be trusted.

What the generator, the machine and the rows say against it.

A reason is a sentence for a person. Two kinds are kept apart: what makes all numbers of a load
unusable (`invalid_because`), and what makes the moment of its first failure the generator's and not
the system's (`rate_doubtful_because`). Missing evidence is a reason, never good news.
"""

from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from lab.facts.metrics import LAG_LIMIT_MS, STALL_MS, WINDOW_S, Lag, Rows
from lab.load.cpu import SMOOTH_ROWS, CpuUse
from lab.records.folder import CPU, GENERATOR, read_json

LAG_SHARE_MAX_PERCENT = 1.0
GENERATOR_MAX_PERCENT = 90.0
"""A process of one thread that needs more of its core cannot keep a schedule, idle as others may
be."""
CPU_ROWS_PER_S_MIN = 0.5


@dataclass(frozen=True)
class Generator:
    """What the generator said of itself; `complete` is False if it died before it could."""

    complete: bool
    begun_requests: int
    unfinished_requests: int
    in_flight_peak_requests: int
    in_flight_bound_hits: int
    stopped_because: str


def generator_of(folder: Path) -> tuple[Generator, dict[str, Any]]:
    """Read how the generator fared, and all that it said of itself."""
    if not (folder / GENERATOR).is_file():
        return Generator(False, 0, 0, 0, 0, "it died"), {}
    record = read_json(folder / GENERATOR)
    names = [each.name for each in fields(Generator)[1:]]
    return Generator(True, *(record[name] for name in names)), record


def invalid_because(
    rows: Rows, lag: Lag, generator: Generator, cpu: CpuUse, idle_min_percent: float
) -> tuple[str, ...]:
    """List what makes a load's numbers unusable; empty for a valid load."""
    of_the_rows = of_rows(rows.rows, rows.requests, generator)
    return (*of_the_rows, *_of_schedule(lag, generator), *_of_cpu(rows, cpu, idle_min_percent))


def of_rows(rows: int, requests: int, generator: Generator) -> list[str]:
    """List what of a load has no row, or two: rows and ids, held against the generator's count."""
    reasons = []
    begun, unfinished = generator.begun_requests, generator.unfinished_requests
    if rows != requests:
        reasons.append(f"{rows - requests} rows of requests.csv have the id of another row")
    if unfinished:
        reasons.append(f"{unfinished} requests had no end when the load was ended, and have no row")
    if not generator.complete:
        reasons.append("the generator ended before its run was over: its last rows may be missing")
    elif begun - unfinished != requests:
        reasons.append(
            f"the generator began {begun} requests and ended {begun - unfinished}; {requests} have a row"
        )
    return reasons


def _of_schedule(lag: Lag, generator: Generator) -> list[str]:
    reasons = []
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
    return reasons


def _of_cpu(rows: Rows, cpu: CpuUse, idle_min_percent: float) -> list[str]:
    needed = int(rows.span_s * CPU_ROWS_PER_S_MIN)
    if cpu.samples < needed or cpu.idle_lowest_percent is None or cpu.generator_highest_percent is None:
        reason = (
            f"how busy the machine was is not known: {CPU} has {cpu.samples} samples of a load of "
            f"{rows.span_s:.0f} s (at least {max(needed, 1)})"
        )
        return [reason]
    reasons = []
    if cpu.idle_lowest_percent < idle_min_percent:
        reasons.append(
            f"the machine had no CPU left: {cpu.idle_lowest_percent:.1f} % idle over {SMOOTH_ROWS} s "
            f"(at least {idle_min_percent:g} % must be; IDLE_MIN)"
        )
    if cpu.generator_highest_percent >= GENERATOR_MAX_PERCENT:
        reasons.append(
            f"the generator used {cpu.generator_highest_percent:.0f} % of its core over {SMOOTH_ROWS} s "
            f"(under {GENERATOR_MAX_PERCENT:g} %: it has one thread)"
        )
    return reasons


def rate_doubtful_because(lag: Lag) -> tuple[str, ...]:
    """List what makes the first failure the generator's; without a failure nothing does."""
    reasons = []
    if lag.failed_requests:
        reasons.append(
            f"{lag.failed_requests} requests that the generator sent more than {STALL_MS:g} ms late failed "
            "before any other"
        )
    if lag.before_failure_ms is not None and lag.before_failure_ms > STALL_MS:
        reasons.append(
            f"the generator stood still before the first failure: within {WINDOW_S:g} s of it a request was "
            f"sent {lag.before_failure_ms:.0f} ms late (at most {STALL_MS:g} ms)"
        )
    return tuple(reasons)
