"""`lab report DIR`: draws the report of a load test or an experiment again from its records."""

import argparse
from pathlib import Path

from lab.commands.loadtest import INVALID
from lab.errors import RecordsError
from lab.facts import summary
from lab.records.folder import SETTINGS_FILE, VERDICT
from lab.report import loadtest_text, terminal
from lab.settings import Settings

HELP = "make the report of a load test or an experiment again from its saved records"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Take the result folder."""
    parser.add_argument(
        "folder",
        type=Path,
        nargs="?",
        help="a result folder, or its name below results/; without: the newest",
    )


def find(name: Path | None, settings: Settings, file: str, *or_file: str) -> Path:
    """Return the folder that a person means.

    As given, or below the results folder, or the newest there.

    Raise RecordsError if it holds neither `file` nor one of `or_file`.
    """
    holding = (file, *or_file)
    if name is None:
        paths = [path for each in holding for path in settings.results_dir.glob(f"*/{each}")]
        if not paths:
            raise RecordsError(f"no folder of results/ holds {file}", remedy="make experiment")
        return max(paths, key=lambda path: path.stat().st_mtime).parent
    below = settings.results_dir / name.name
    folder = below if not name.is_dir() and below.is_dir() else name
    if not any((folder / each).is_file() for each in holding):
        raise RecordsError(
            f"{folder} holds no {' or '.join(holding)}",
            cause="it is not the folder of such a run, or the run ended before it wrote it",
            remedy="name a folder below results/ that holds it",
        )
    return folder


def run(args: argparse.Namespace, settings: Settings) -> int:
    """Make it again and print it; the status is that of the run: 3 if it is not valid."""
    folder = find(args.folder, settings, VERDICT, SETTINGS_FILE)
    return experiment(folder) if (folder / VERDICT).is_file() else load_test(folder)


def load_test(folder: Path) -> int:
    """Write summary.json again and print it."""
    result = summary.summarise(folder)
    summary.save(folder, result)
    terminal.show(loadtest_text.text(result))
    return 0 if result.valid else INVALID


def experiment(folder: Path) -> int:
    """Write report.html again and print its short form."""
    from lab.report import page as report_page
    from lab.report import short

    page = report_page.write(folder)
    terminal.show(short.terminal(folder), f"\nreport: results/{folder.name}/{page.name}")
    return short.status(folder)
