"""`lab check NAME`: refuses a bad topology file, with the line of each problem."""

import argparse
import sys

from lab.settings import Settings
from lab.topology import files as topology

HELP = "check a topology file; every problem in a line, status 2 if there is one"
REFUSED = 2


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("topology", metavar="NAME|FILE", help="a topology's name, or a file")


def run(args: argparse.Namespace, settings: Settings) -> int:
    """Check; print nothing if the file is good."""
    path = topology.find(args.topology, settings.topologies_dir)
    shown = topology.shown(path, settings.topologies_dir)
    _, problems = topology.read(path)
    for problem in problems:
        print(f"{shown}:{problem.line}: {problem.what}; expected {problem.expected}", file=sys.stderr)
    return REFUSED if problems else 0
