"""`lab topology NAME ACTIVE STANDBY`: writes a topology file, which is the user's from then on."""

import argparse

from lab.errors import TopologyError
from lab.settings import Settings
from lab.topology import files, writer

HELP = "write a topology of your own"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("name", help="its name: a file and a Compose profile")
    parser.add_argument("active", help="how many servers share the load")
    parser.add_argument("standby", help="how many more stand by")


def run(args: argparse.Namespace, settings: Settings) -> int:
    """Write the file; one that exists is left alone."""
    active, standby = writer.whole("ACTIVE", args.active, 1), writer.whole("STANDBY", args.standby, 0)
    content = writer.text(args.name, active, standby)
    path = settings.topologies_dir / f"{args.name}.yaml"
    shown = files.shown(path, settings.topologies_dir)
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(content)
    except FileExistsError as error:
        raise TopologyError(
            f"{shown} exists",
            cause="a topology file is yours once it is written",
            remedy="edit it, delete it, or choose another NAME",
        ) from error
    except OSError as error:
        raise TopologyError(f"{shown} cannot be written: {error.strerror}") from error
    print(f"Wrote {shown}. Next: make up TOPOLOGY={args.name}")
    return 0
