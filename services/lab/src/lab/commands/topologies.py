"""`lab topologies`: lists the topologies with their servers, regions and description."""

import argparse

from rich.table import Table
from rich.text import Text

from lab.report import terminal
from lab.settings import Settings
from lab.topology import files as topology

HELP = "list the topologies: name, servers, regions, description"


def add_arguments(_parser: argparse.ArgumentParser) -> None:
    """Take no arguments."""


def run(_args: argparse.Namespace, settings: Settings) -> int:
    """Print a line for each topology; a bad file is listed as such."""
    folder = settings.topologies_dir
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for heading in ("topology", "servers", "regions", "description"):
        table.add_column(heading, no_wrap=heading == "topology")
    for name in topology.names(folder):
        found, problems = topology.read(folder / f"{name}.yaml")
        servers = f"{len(found.with_role('active'))} active"
        if standbys := found.with_role("standby"):
            servers += f" + {len(standbys)} standby"
        description = (
            f"BAD FILE ({len(problems)} problems): lab check {name}" if problems else found.description
        )
        table.add_row(Text(name), Text(servers), Text(", ".join(found.regions)), Text(description))
    terminal.console().print(terminal.Trimmed(table))
    return 0
