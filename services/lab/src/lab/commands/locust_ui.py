"""`lab locust-ui`: Locust's own web interface against the lab."""

import argparse
import subprocess
import sys

from lab.load import bodies
from lab.load.generator import LOCUSTFILE, environment
from lab.load.oracle import Oracle
from lab.load.preparation import check_target
from lab.settings import Settings

HELP = "open Locust's web interface against the lab"
INTERRUPTED = 130


def run(_args: argparse.Namespace, settings: Settings) -> int:
    """Serve the interface until Ctrl-C."""
    oracle = Oracle(settings.model)
    check_target(settings.target_url, bodies.bodies(oracle.feature_schema, 1, settings.seed)[0])
    print(f"Locust: http://127.0.0.1:{settings.ui_port}/  (Ctrl-C ends it)")
    print("ClosedUsers: as many users as you ask for. OpenArrivals: the schedule of PATTERN, RATE, RAMP, ...")
    command = [
        sys.executable,
        *("-m", "locust", "-f", str(LOCUSTFILE), "--class-picker", "--host", settings.target_url),
        # The port is Locust's own, 8089, in the container; it is published as ui_port, on 127.0.0.1
        # only.
        *("--web-host", "0.0.0.0", "--loglevel", "WARNING"),
    ]
    with subprocess.Popen(command, env=environment(), stdin=subprocess.DEVNULL) as process:  # noqa: S603 - our own words
        try:
            return process.wait()
        except KeyboardInterrupt:
            process.terminate()
            process.wait()
            return INTERRUPTED
