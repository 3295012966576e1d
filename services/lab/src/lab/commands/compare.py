"""`lab compare DIR...`: the article's two tables and the chart, from load tests of several topologies."""

import argparse
import dataclasses
from datetime import UTC, datetime
from pathlib import Path

from rich.table import Table

from lab import records
from lab.commands.report import find
from lab.facts import compare, summary
from lab.report import plots, terminal
from lab.settings import Settings

HELP = "compare load tests of several topologies: the article's two tables, and a chart"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Take the result folders, in the order in which they are to be shown."""
    parser.add_argument("folders", type=Path, nargs="+", metavar="DIR", help="a load test's result folder")


def run(args: argparse.Namespace, settings: Settings) -> int:
    """Print the tables; save compare.json and the chart in a folder of their own."""
    folders = [find(folder, settings, records.SUMMARY) for folder in args.folders]
    summaries = [summary.load(folder) for folder in folders]
    comparison = compare.compare(summaries)
    target = records.new_folder(settings.results_dir, datetime.now(UTC), "compare")
    records.write_json(target / "compare.json", dataclasses.asdict(comparison))
    curves = [summary.records_of(folder).seconds() for folder in folders]
    plots.draw(comparison.rates, curves, target / "compare")
    console = terminal.console()
    console.print(terminal.Trimmed(_rates(comparison.rates)))
    console.print(terminal.Trimmed(_loads(comparison.loads)))
    for made in summaries:
        for reason in made.doubts:
            print(f"INVALID: {made.topology}: {reason}")
    print(f"saved: results/{target.name}/: compare.json, compare.png, compare.svg")
    return 0


def _number(value: float | None, unit: str = "") -> str:
    return "-" if value is None else f"{value:.1f}{unit}"


def _table(title: str) -> Table:
    return Table(
        title=title, title_justify="left", title_style="bold", box=None, pad_edge=False, padding=(0, 2, 0, 0)
    )


def _rates(rows: tuple[compare.RateRow, ...]) -> Table:
    first = rows[0].topology
    table = _table("Rate at the first failure, requests/s")
    table.add_column("topology", no_wrap=True)
    for heading in ("lab", f"x {first}", "highest without failure", "article", f"article x {first}"):
        table.add_column(heading, justify="right")
    table.add_column("first failure")
    for row in rows:
        table.add_row(
            row.topology,
            "none failed" if row.rate_first_failure_per_s is None else _number(row.rate_first_failure_per_s),
            _number(row.relative_to_first),
            _number(row.rate_max_without_failure_per_s),
            _number(row.article_rate_per_s),
            _number(row.article_relative_to_first),
            row.failure + ("" if row.valid else " INVALID"),
        )
    return table


def _loads(rows: tuple[compare.LoadRow, ...]) -> Table:
    table = _table("\nLoad per server at the first failure, requests")
    table.add_column("topology", no_wrap=True)
    for heading in ("in progress", "taken until then", "article"):
        table.add_column(heading, justify="right")
    table.add_column("servers")
    for row in rows:
        table.add_row(
            row.topology,
            compare.slashed(row.in_progress_requests),
            compare.slashed(row.taken_requests),
            compare.slashed(row.article_requests),
            ", ".join(row.servers),
        )
    return table
