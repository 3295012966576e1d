"""`lab topologies`: lists the topologies with their servers, regions and description."""

import argparse

from lab.report import terminal
from lab.settings import Settings
from lab.topology import files as topology

HELP = "list the topologies: name, servers, regions, description"


def run(_args: argparse.Namespace, settings: Settings) -> int:
    """Print a line for each topology; a bad file is listed as such."""
    folder = settings.topologies_dir
    table = terminal.table(("topology",), texts=("servers", "regions", "description"))
    for name in topology.names(folder):
        stated, problems = topology.read(folder / f"{name}.yaml")
        servers = f"{len(stated.with_role('active'))} active"
        if standbys := stated.with_role("standby"):
            servers += f" + {len(standbys)} standby"
        bad = f"BAD FILE ({len(problems)} problems): make check TOPOLOGY={name}"
        table.add_row(name, servers, ", ".join(stated.regions), bad if problems else stated.description)
    terminal.show(table)
    return 0
