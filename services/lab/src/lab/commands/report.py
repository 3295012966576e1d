"""`lab report DIR`: makes the report of a load test or an experiment again from its saved records."""

import argparse
from pathlib import Path

from lab import outcome, summary, terminal
from lab.commands.loadtest import INVALID
from lab.settings import Settings

HELP = "make the report of a load test or an experiment again from its saved records"
VERDICT = "verdict.json"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Take the result folder."""
    parser.add_argument("folder", type=Path, help="a result folder, or its name below results/")


def find(name: Path, settings: Settings) -> Path:
    """Return the folder that a person means: as given, or below the results folder."""
    below = settings.results_dir / name.name
    return below if not name.is_dir() and below.is_dir() else name


def run(args: argparse.Namespace, settings: Settings) -> int:
    """Make it again and print it; the status is that of the run: 3 if it is not valid."""
    folder = find(args.folder, settings)
    return experiment(folder) if (folder / VERDICT).is_file() else load_test(folder)


def load_test(folder: Path) -> int:
    """Write summary.json again and print it."""
    made = summary.summarise(folder)
    summary.save(folder, made)
    terminal.console().print(terminal.Trimmed(outcome.text(made)))
    return 0 if made.valid else INVALID


def experiment(folder: Path) -> int:
    """Write report.html again and print its short form."""
    from lab import report

    page = report.write(folder)
    console = terminal.console()
    console.print(terminal.Trimmed(report.terminal(folder)))
    console.print(f"\nreport: results/{folder.name}/{page.name}", markup=False, soft_wrap=True)
    return report.status(folder)
