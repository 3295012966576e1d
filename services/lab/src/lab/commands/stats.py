"""`lab stats`: the table of servers, once, and the address of HAProxy's own page."""

import argparse

from lab.parts.controller import Controller
from lab.report import terminal
from lab.settings import Settings

HELP = "print the servers as HAProxy sees them, and the address of the stats page"


def add_arguments(_parser: argparse.ArgumentParser) -> None:
    """Take no arguments."""


def run(_args: argparse.Namespace, settings: Settings) -> int:
    """Print the table and the address."""
    with Controller(settings.controller_url) as controller:
        state = controller.state()
    console = terminal.console()
    console.print(terminal.Trimmed(terminal.servers_table(state)))
    console.print(f"\nStats page: http://127.0.0.1:{settings.stats_port}/", soft_wrap=True)
    return 0
