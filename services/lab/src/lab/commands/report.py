"""`lab report DIR`: makes a load test's summary again from its saved records."""

import argparse
from pathlib import Path

from lab import outcome, summary, terminal
from lab.commands.loadtest import INVALID
from lab.settings import Settings

HELP = "make a load test's summary again from its saved records"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Take the result folder."""
    parser.add_argument("folder", type=Path, help="a result folder, or its name below results/")


def find(name: Path, settings: Settings) -> Path:
    """Return the folder that a person means: as given, or below the results folder."""
    below = settings.results_dir / name.name
    return below if not name.is_dir() and below.is_dir() else name


def run(args: argparse.Namespace, settings: Settings) -> int:
    """Write summary.json again and print it; status 3 if the run is not valid."""
    folder = find(args.folder, settings)
    made = summary.summarise(folder)
    summary.save(folder, made)
    terminal.console().print(terminal.Trimmed(outcome.text(made)))
    return 0 if made.valid else INVALID
