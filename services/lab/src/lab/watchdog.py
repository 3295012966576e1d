"""`python -m lab.watchdog ORDER`: ends a fault when its owner is gone or too slow.

ORDER is JSON: the fault, its target and parameters, the limit in seconds, and where Docker and the servers
are. The watchdog says "ready" on its standard output, then waits for "over" on its standard input. The end
of the input (the owner died) or the limit without "over" make it end the fault itself. Only
faults.lasting() starts it.
"""

import json
import select
import sys
import time

from lab import faults
from lab.engine import Engine
from lab.errors import LabError

PATIENCE_S = 60.0
PAUSE_S = 0.5


def main() -> int:
    """Wait, and end the fault if nobody else did."""
    order = json.loads(sys.argv[1])
    try:
        fault = faults.load(order["fault"])
        with Engine(order["docker_url"], order["project"]) as engine:
            context = faults.Context(engine, order["target_url"], order["predictor_url"])
            print("ready", flush=True)
            readable, _, _ = select.select([sys.stdin], [], [], float(order["limit_s"]))
            if readable and sys.stdin.readline().strip() == "over":
                return 0
            _end(fault, context, order["target"], order["parameters"])
    except LabError as error:
        print(f"lab watchdog: {error.message()}", file=sys.stderr)
        return 1
    print(f"lab watchdog: ended the fault {order['fault']} of {order['target']}", file=sys.stderr)
    return 0


def _end(fault: faults.Fault, context: faults.Context, target: str, parameters: faults.Parameters) -> None:
    """End the fault; try again for a while, since nobody comes after this."""
    deadline = time.monotonic() + PATIENCE_S
    while True:
        try:
            fault.undo(context, target, parameters)
        except LabError:
            if time.monotonic() >= deadline:
                raise
            time.sleep(PAUSE_S)
        else:
            return


if __name__ == "__main__":
    sys.exit(main())
