"""What a chaos run prints and saves: the timeline, the requests, the raw records."""

from __future__ import annotations

import dataclasses
import json
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from lab.experiment.chaos import Gathered
from lab.experiment.chaos_plan import Plan
from lab.facts import haproxy_log
from lab.facts.haproxy_log import Traffic
from lab.facts.timeline import Story, tell
from lab.records import FAILURES, HAPROXY_LOG, HAPROXY_MESSAGES, JOURNAL, write_json
from lab.records.percentiles import finite, percentile
from lab.report.terminal import Trimmed
from lab.settings import Settings

TIMELINE = "timeline.json"

EMPHASIS = {
    "kill": "red",
    "pause": "red",
    "in rotation": "bold green",
    "first served": "green",
    "steady again": "bold",
}


@dataclasses.dataclass(frozen=True)
class Report:
    """A run in numbers. Durations in ms; `client` counts by kind of failure what the load generator saw."""

    story: Story
    seconds: float
    traffic: Traffic
    first_second: Traffic
    usual_p99_ms: float | None
    client: dict[str, int] | None

    @property
    def client_failed(self) -> int:
        """Return how many requests failed for the load generator, refusals and late replies included."""
        return sum(self.client[kind] for kind in FAILURES) if self.client else 0


def make(plan: Plan, gathered: Gathered) -> Report:
    """Turn the records into the report."""
    start = min(stroke.time for stroke in gathered.strokes)
    end = gathered.steady_at or gathered.ended
    log = gathered.log()
    before = [
        line.latency_ms if line.outcome == haproxy_log.SERVED else None for line in log if line.end < start
    ]
    client = None
    if plan.rate_per_s:
        kinds = Counter(request.failure for request in gathered.requests)
        client = {"sent": len(gathered.requests)} | {kind: kinds[kind] for kind in FAILURES}
    return Report(
        story=tell(gathered.records(plan.roles)),
        seconds=end - start,
        traffic=haproxy_log.traffic(log, start, end),
        first_second=haproxy_log.traffic(log, start, start + 1),
        usual_p99_ms=finite(percentile(before, 0.99)),
        client=client,
    )


def save(folder: Path, plan: Plan, gathered: Gathered, report: Report, settings: Settings) -> None:
    """Write the raw records, and the timeline that can be told from them again."""
    before, after = gathered.states
    content: dict[str, Any] = {
        "plan": dataclasses.asdict(plan),
        "version": settings.version,
        "controller_version": before.version,
        "cost_factor": before.cost_factor,
        "strokes": [dataclasses.asdict(stroke) for stroke in gathered.strokes],
        "load_started": gathered.load_started,
        "steady_at": gathered.steady_at,
        "ended": gathered.ended,
        "steps": [dataclasses.asdict(step) for step in report.story.steps],
        "remarks": report.story.remarks,
        "observed_s": report.seconds,
        "requests_seen_by_haproxy": dataclasses.asdict(report.traffic),
        "requests_of_the_first_second": dataclasses.asdict(report.first_second),
        "usual_p99_ms": report.usual_p99_ms,
        "requests_seen_by_client": report.client,
        "state_before": dataclasses.asdict(before),
        "state_after": dataclasses.asdict(after),
    }
    (folder / JOURNAL).write_text(
        _lines(json.dumps(entry.raw) for entry in gathered.entries), encoding="utf-8"
    )
    lines, messages = haproxy_log.split(gathered.log_raw)
    (folder / HAPROXY_LOG).write_text(_lines(lines), encoding="utf-8")
    (folder / HAPROXY_MESSAGES).write_text(_lines(messages), encoding="utf-8")
    write_json(folder / TIMELINE, content)


def _lines(lines: Iterable[str]) -> str:
    return "".join(f"{line}\n" for line in lines)


def show(console: Console, plan: Plan, report: Report, folder: Path) -> None:
    """Print what happened, then the requests, then where the records are."""
    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column(justify="right", no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for step in report.story.steps:
        style = EMPHASIS.get(step.name, "")
        at = f"+{step.at_ms:.1f} ms" if step.at_ms < 10_000 else f"+{step.at_ms / 1000:.2f} s"  # noqa: PLR2004
        table.add_row(Text(f"  {at}"), Text(step.name, style=style), Text(step.server), Text(step.text))
    console.print(Trimmed(table))
    for remark in report.story.remarks:
        console.print(f"  - {remark}", markup=False, soft_wrap=True)
    console.print()
    for line in requests(report):
        console.print(line, markup=False, soft_wrap=True)
    if not plan.rate_per_s and report.traffic.seen == 0:
        console.print("No load was running: LOAD=1 brings some.")
    console.print(f"Records: results/{folder.name}/", markup=False, soft_wrap=True)


def requests(report: Report) -> list[str]:
    """Say what became of the requests, in sentences."""
    seen = report.traffic
    lines = []
    if seen.seen:
        outcomes = (
            f"{seen.served} served, {seen.refused} refused, {seen.lost} lost; {seen.retried} were tried again"
        )
        span = f"HAProxy, from the fault until {report.seconds:.1f} s later"
        lines.append(f"{span}: {seen.seen} requests, {outcomes}")
        slowest = f"Slowest: {seen.slowest_ms:.1f} ms (request {seen.slowest_id})"
        if report.first_second.slowest_ms is not None:
            slowest += f"; in the first second: {report.first_second.slowest_ms:.1f} ms"
        if report.usual_p99_ms is not None:
            slowest += f"; usual p99 before the fault: {report.usual_p99_ms:.1f} ms"
        lines.append(slowest)
    if report.client is not None:
        kinds = ", ".join(f"{report.client[kind]} {kind}" for kind in FAILURES)
        lines.append(
            f"Load generator, whole run: {report.client_failed} of {report.client['sent']} failed ({kinds})"
        )
    return lines
