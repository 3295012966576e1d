"""`python -m lab.watchdog FAULT SERVER LIMIT_S URL PROJECT`: ends a fault when its owner is gone or too slow.

It says "ready" on its standard output, then waits for "over" on its standard input. The end of the input (the
owner died) or LIMIT_S seconds without "over" make it end the fault itself. Only faults.lasting() starts it.
"""

import select
import sys

from lab import faults
from lab.engine import Engine
from lab.errors import LabError


def main() -> int:
    """Wait, and end the fault if nobody else did."""
    name, server, limit_s, url, project = sys.argv[1:]
    try:
        fault = faults.load(name)
        with Engine(url, project) as engine:
            print("ready", flush=True)
            readable, _, _ = select.select([sys.stdin], [], [], float(limit_s))
            if readable and sys.stdin.readline().strip() == "over":
                return 0
            fault.undo(engine, server)
    except LabError as error:
        print(f"lab watchdog: {error.message()}", file=sys.stderr)
        return 1
    print(f"lab watchdog: ended the fault {name} of {server}", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
