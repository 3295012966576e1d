"""A load test's summary as a person reads it in the terminal."""

import dataclasses

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from lab.facts import service
from lab.facts.first_failures import MOVES, Rates
from lab.facts.metrics import LAG_LIMIT_MS
from lab.facts.summary import Summary
from lab.report import terminal


def text(summary: Summary, *, alone: bool = True) -> RenderableType:
    """Return the summary: the rates, the latencies, the failures, the servers, the verdict.

    `alone` says that no other runs go with it.
    """
    return Group(_facts(summary, alone=alone), Text(), _servers(summary), Text(), _verdict(summary))


def several(rates: Rates) -> RenderableType:
    """Return what several runs say together.

    Median and range, what ended them, what was left out.
    """
    table = terminal.grid()
    if rates.median is None:
        table.add_row("rate at the first failure", Text("no run is valid", style="bold red"))
    else:
        median = f"median {rates.median} requests/s, {rates.lowest} to {rates.highest}"
        table.add_row("rate at the first failure", Text(median, style="bold"))
        table.add_row("runs", f"n = {rates.n} of {rates.planned}: {', '.join(map(str, rates.values))}")
        ends = ", ".join(f"{count} x {kind}" for kind, count in rates.ended_by.items())
        table.add_row("ended by", f"{ends}; {MOVES}")
    for reason in rates.left_out:
        table.add_row("left out", Text(reason, style="yellow"))
    return table


def _rate(value: float) -> str:
    return f"{value:.1f} requests/s"


def _ms(value: float | None, failed_percent: float) -> str:
    return f"none: {failed_percent:.0f} % failed" if value is None else f"{value:.0f} ms"


def _facts(summary: Summary, *, alone: bool) -> Table:
    table = terminal.grid()
    first, latency = summary.first_failure, summary.latency
    failed_percent = 100 * summary.failed_requests / max(summary.sent_requests, 1)
    if first:
        failure = f"{_rate(first.rate_per_s)} ({first.failure}, {first.at_s:.1f} s after the start)"
    else:
        failure = (
            f"above {_rate(summary.rate_reached_per_s)}: no request failed; raise RATE_MAX, RAMP or DURATION "
            "(USERS) to find it"
        )
    table.add_row("servers", service.described(summary.service))
    table.add_row("rate at the first failure", Text(failure, style="bold"))
    if alone:
        table.add_row("", f"one draw; TRIALS=5 gives a median; {MOVES}")
    table.add_row("highest rate without failure", _rate(summary.rate_max_without_failure_per_s))
    table.add_row("most served in a second", _rate(summary.rate_served_max_per_s))
    table.add_row(
        "latency p50 / p95 / p99 / max",
        " / ".join(_ms(value, failed_percent) for value in dataclasses.astuple(latency)),
    )
    table.add_row("requests", f"{summary.sent_requests} sent, {summary.served_requests} served")
    table.add_row(
        "failures",
        f"{summary.refused_requests} refused, {summary.error_requests} errors, "
        f"{summary.late_requests} late (over {summary.limit_ms:g} ms)",
    )
    if summary.generator_late_requests:
        table.add_row(
            "failed, but sent late", f"{summary.generator_late_requests}: the generator's, not the system's"
        )
    if summary.generator.unfinished_requests:
        table.add_row("without an end", f"{summary.generator.unfinished_requests} when the load was ended")
    return table


def _servers(summary: Summary) -> Table:
    until = "at the first failure" if summary.first_failure else "at the end"
    numbers = ("requests, whole run", f"taken {until}", f"in progress {until}")
    table = terminal.table(("answered by",), numbers)
    for server in summary.servers:
        table.add_row(*map(str, dataclasses.astuple(server)))
    return table


def _verdict(summary: Summary) -> Text:
    if not summary.valid:
        return Text("INVALID: " + "; ".join(summary.doubts), style="bold red")
    cpu = summary.cpu
    shares = [f"{summary.lag.late_percent:.2f} % of the requests sent over {LAG_LIMIT_MS:g} ms late"]
    if cpu.generator_highest_percent is not None:
        shares.append(f"at most {cpu.generator_highest_percent:.0f} % of its core used")
    idle = "" if cpu.idle_lowest_percent is None else f"; at least {cpu.idle_lowest_percent:.0f} % CPU idle"
    return Text(f"valid: the generator kept its schedule ({', '.join(shares)}){idle}", style="green")
