"""`lab loadtest`: loads the running topology until requests fail, and says at which rate they did."""

import argparse
from pathlib import Path

from rich.table import Table

from lab.experiment import loadtest
from lab.report import loadtest_text, terminal
from lab.settings import LOADTEST, SETTINGS, Settings

HELP = "load the running topology until requests fail; save every request; say at which rate they failed"
INVALID, INTERRUPTED = 3, 130


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options; what the load is like comes from the environment."""
    parser.add_argument("--help-variables", action="store_true", help="list the variables and end")
    parser.add_argument("--name-file", type=Path, help="write the result folder's path into this file")


def run(args: argparse.Namespace, settings: Settings) -> int:
    """Run the test; status 3 if its numbers are not valid."""
    console = terminal.console()
    if args.help_variables:
        console.print(terminal.Trimmed(variables()))
        return 0
    result = loadtest.run(settings, lambda line: print(line, flush=True))
    if args.name_file:
        args.name_file.write_text(f"{result.folder}\n", encoding="utf-8")
    print()
    console.print(terminal.Trimmed(loadtest_text.text(result.summary)))
    print(f"\nrecords: results/{result.folder.name}/")
    if result.interrupted:
        return INTERRUPTED
    return 0 if result.summary.valid else INVALID


def variables() -> Table:
    """Return the table of the load test's variables."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), caption_justify="left")
    for heading in ("variable", "default", "unit"):
        table.add_column(heading, no_wrap=True)
    table.add_column("meaning", overflow="fold")
    for setting in SETTINGS:
        if setting.group == LOADTEST:
            table.add_row(setting.env, setting.default, setting.unit, setting.help)
    table.caption = "as in: make loadtest RATE=20 RAMP=10 RATE_MAX=800"
    return table
