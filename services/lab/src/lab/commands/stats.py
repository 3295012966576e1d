"""`lab stats`: the table of servers, once, and the address of HAProxy's own page."""

import argparse

from lab.parts.controller import Controller
from lab.report import terminal
from lab.settings import Settings

HELP = "print the servers as HAProxy sees them, and the address of the stats page"


def run(_args: argparse.Namespace, settings: Settings) -> int:
    """Print the table and the address."""
    with Controller(settings.controller_url) as controller:
        state = controller.state()
    page = f"\nStats page: http://127.0.0.1:{settings.stats_port}/"
    terminal.show(terminal.servers_table(state), page)
    return 0
