"""`lab watchdog`: the service that ends a fault when its owner is gone.

Compose starts it with the tools.
"""

import argparse

from lab.faults.watchdog import Watchdog
from lab.settings import Settings

HELP = "serve: end each fault whose tool is gone or too slow (Compose starts it)"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Take the port."""
    parser.add_argument("--port", type=int, default=8406, help="where it listens")


def run(args: argparse.Namespace, _settings: Settings) -> int:
    """Serve until SIGTERM."""
    with Watchdog(("", args.port)) as serving:
        serving.serve_forever()
    return 0
