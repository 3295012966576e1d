"""`lab bench`: measures what the lab promises; `make bench` runs it topology by topology."""

import argparse
import json
from pathlib import Path

from rich.table import Table

from lab import bench
from lab.bench.figures import Figure, Figures
from lab.report import terminal
from lab.settings import Settings

HELP = "measure what the lab promises, on the topology that is running; print the table"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    helps = "; ".join(bench.names())
    parser.add_argument("measurements", nargs="*", help=f"which: {helps} (none: only the table)")
    parser.add_argument("--folder", type=Path, required=True, help="the benchmark's folder, new or begun")
    parser.add_argument(
        "--trials",
        type=int,
        default=50,
        help="how often to kill (other faults: 10 times at the most, loads: 3)",
    )
    parser.add_argument(
        "--add", metavar="JSON", help='a figure measured elsewhere: {"what", "to_reach", "unit", ...}'
    )


def run(args: argparse.Namespace, settings: Settings) -> int:
    """Measure, save, print the table; return 1 if something was not reached."""
    args.folder.mkdir(parents=True, exist_ok=True)
    work = bench.Bench(settings, args.folder, args.trials, lambda text: print(text, flush=True))
    for name in args.measurements:
        bench.run(name, work)
    if args.add:
        figure = Figure(**json.loads(args.add))
        bench.save(settings, args.folder, "".join(c if c.isalnum() else "-" for c in figure.what), [figure])
    if args.measurements or args.add:
        return 0
    figures = bench.load_all(args.folder)
    terminal.show(table(figures))
    return 0 if all(figure.reached for figure in figures) else 1


def table(figures: Figures) -> Table:
    """Draw the table of all figures."""
    drawn = terminal.table((), texts=("what", "to reach"))
    drawn.add_column("measured", justify="right", no_wrap=True)
    drawn.add_column("lowest to highest, trials", justify="right")
    drawn.add_column("reached")
    for figure in figures:
        values = figure.values
        spread = f"{min(values):g} to {max(values):g}, {len(values)}" if len(values) > 1 else ""
        verdict = ("yes" if figure.reached else "NO") + (f" ({figure.note})" if figure.note else "")
        drawn.add_row(
            figure.what, figure.to_reach, f"{figure.result:g} {figure.unit}".strip(), spread, verdict
        )
    return drawn
