"""`lab compare DIR...`: the article's two tables and the chart, from several load tests."""

import argparse
import dataclasses
from pathlib import Path

from rich.table import Table

from lab.commands.report import find
from lab.facts import compare, summary
from lab.facts.first_failures import MOVES
from lab.facts.metrics import Second
from lab.load.provenance import made
from lab.records.folder import SUMMARY, new_folder, write_json
from lab.report import plots, terminal
from lab.settings import Settings

HELP = "compare load tests of several topologies: the article's two tables, and a chart"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Take the result folders, in the order in which they are to be shown."""
    parser.add_argument("folders", type=Path, nargs="+", metavar="DIR", help="a load test's result folder")


def run(args: argparse.Namespace, settings: Settings) -> int:
    """Print the tables; save compare.json and the chart in a folder of their own."""
    folders = [find(folder, settings, SUMMARY) for folder in args.folders]
    summaries = [summary.load(folder) for folder in folders]
    comparison = compare.compare(summaries)
    target = new_folder(settings.results_dir, "compare")
    content = {"made": made(settings, "make loadtest-all"), **dataclasses.asdict(comparison)}
    write_json(target / "compare.json", content)
    curves: dict[str, list[Second]] = {row.topology: [] for row in comparison.rates}
    for folder, each in zip(folders, summaries, strict=True):
        curves[each.topology] += summary.records_of(folder).seconds()[:-1]  # the last second is cut off
    plots.draw(comparison.rates, list(curves.values()), target / "compare")
    terminal.show(_rates(comparison.rates), MOVES, _loads(comparison.loads))
    for row in comparison.rates:
        for reason in row.rates.left_out:
            print(f"left out: {reason}")
    print(f"saved: results/{target.name}/: compare.json, compare.png, compare.svg")
    return 0


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.1f}"


def _rates(rows: tuple[compare.RateRow, ...]) -> Table:
    first = rows[0].topology
    numbers = ("servers", "n", "median", "lowest", "highest", f"x {first}", "article", f"article x {first}")
    title = "Rate at the first failure, requests/s"
    table = terminal.table(("topology",), numbers, ("ended by",), title=title)
    for row in rows:
        rates = row.rates
        shown = (rates.median, rates.lowest, rates.highest)
        table.add_row(
            row.topology,
            str(row.servers),
            str(rates.n),
            *("-" if rate is None else str(rate) for rate in shown),
            _number(row.relative_to_first),
            _number(row.article_rate_per_s),
            _number(row.article_relative_to_first),
            ", ".join(f"{count} x {kind}" for kind, count in rates.ended_by.items()) or "no valid run",
        )
    return table


def _loads(rows: tuple[compare.LoadRow, ...]) -> Table:
    title = "\nLoad per server at the first failure, requests"
    numbers = ("in progress", "taken until then", "article")
    table = terminal.table(("topology",), numbers, ("servers",), title=title)
    for row in rows:
        loads = (row.in_progress_requests, row.taken_requests, row.article_requests)
        table.add_row(row.topology, *map(compare.slashed, loads), ", ".join(row.servers))
    return table
