"""`python -m lab COMMAND`: finds the commands, reads the settings, runs one.

Exit status: 0 done; 2 a LabError, printed as one message, wrong arguments, or a defect with its
traceback; 3 a measurement that is not valid; 130 interrupted.
"""

import argparse
import importlib
import pkgutil
import signal
import sys
import traceback
from collections.abc import Sequence
from types import ModuleType

from lab import commands
from lab.errors import LabError
from lab.settings import Settings


def command_names() -> dict[str, str]:
    """Map each command's name to its module's, without importing any of them."""
    modules = (module.name for module in pkgutil.iter_modules(commands.__path__))
    return {name.replace("_", "-"): name for name in sorted(modules)}


def load(name: str) -> ModuleType:
    """Import the command that a person calls `name`."""
    return importlib.import_module(f"{commands.__name__}.{command_names()[name]}")


def build_parser(names: Sequence[str]) -> argparse.ArgumentParser:
    """Build the parser with a sub-parser for each of the named commands."""
    parser = argparse.ArgumentParser(prog="lab", description="The tools of HADR Lab.")
    subparsers = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for name in names:
        module = load(name)
        subparser = subparsers.add_parser(name, help=module.HELP, description=module.HELP)
        if hasattr(module, "add_arguments"):
            module.add_arguments(subparser)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command that the arguments name; return its exit status."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    # Only the named command is imported: the others' libraries would cost a second at each start.
    known = command_names()
    names = [arguments[0]] if arguments and arguments[0] in known else list(known)
    args = build_parser(names).parse_args(arguments)
    # Docker ends a container with SIGTERM, which its first process would ignore; a shell starts
    # background jobs with SIGINT ignored. Both end a command in order, as Ctrl-C does.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)
    try:
        status: int = load(args.command).run(args, Settings.from_environment())
    except LabError as error:
        print(f"lab {args.command}: {error.message()}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    except Exception:  # noqa: BLE001 - Python's own status for it, 1, means "expectations not met" here
        traceback.print_exc()
        return 2
    return status


if __name__ == "__main__":
    sys.exit(main())
