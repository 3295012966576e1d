"""`lab ledger DIR`: makes an experiment's ledger, story and invariants again from its records."""

import argparse

from lab.commands import report
from lab.commands.loadtest import INVALID
from lab.facts import invariants, ledger, story
from lab.records.folder import LEDGER, PREDICTOR_LOG
from lab.report import ledger_text, terminal
from lab.settings import Settings

HELP = "show again, from an experiment's saved records, what became of the requests"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Take the result folder."""
    report.add_arguments(parser)


def run(args: argparse.Namespace, settings: Settings) -> int:
    """Write ledger, story and invariants again and print them; 3 if the ledger is incomplete."""
    # Of all runs only experiments have these; the newest of them may have had no load, and so no
    # ledger.
    folder = report.find(args.folder, settings, PREDICTOR_LOG if args.folder else LEDGER)
    result = ledger.build(folder)
    text = ledger_text.text(result, story.build(folder), invariants.check(folder))
    terminal.show(text)
    return 0 if result.complete else INVALID
