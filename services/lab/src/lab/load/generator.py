"""The load generator as a process: Locust, headless, that writes into a result folder.

with Load(folder, spec) as load:          # starts; ends it, whatever happens
    while load.running():
        for request in load.new_requests(): ...
"""

import math
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

from lab.errors import GeneratorError
from lab.load import spec as specs
from lab.load.cpu import CpuLog
from lab.load.spec import LoadSpec
from lab.records.folder import CPU, REQUESTS
from lab.records.requests import Request, RequestReader

LOG = "locust.log"
LOCUSTFILE = Path(__file__).with_name("locustfile.py")
FOLDER_VARIABLE = "LAB_RUN_FOLDER"
OVERTIME_S = 60.0
STOP_S = 10.0  # how long it may take to end, beyond what its requests may take


class Load:
    """A running load generator; the rows that it writes can be read along."""

    def __init__(self, folder: Path, spec: LoadSpec) -> None:
        """Save what is to be sent as load.json: all that the generator is told."""
        specs.save(folder, spec)
        self._folder = folder
        self._spec = spec
        self._reader = RequestReader(folder / REQUESTS)

    def __enter__(self) -> Self:
        with (self._folder / LOG).open("x", encoding="utf-8") as log:
            self._process = subprocess.Popen(  # noqa: S603 - our own words
                command(self._folder, self._spec),
                env=environment() | {FOLDER_VARIABLE: str(self._folder)},
                cwd=self._folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C is for this process, which ends the generator in order
            )
        self._latest_s = time.monotonic() + self._spec.duration_s + self._spec.drain_s + OVERTIME_S
        self._cpu = CpuLog(self._folder / CPU, self._process.pid)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self.stop()
        finally:
            self._cpu.close()

    def running(self) -> bool:
        """Return whether the generator still runs.

        Raise GeneratorError if it failed, or does not end.
        """
        status = self._process.poll()
        if status or (status is None and time.monotonic() > self._latest_s):
            late = f"did not end {OVERTIME_S:g} s after its load should have: it is stuck, or never began"
            what = f"ended with status {status}: {self._last_words()}" if status else late
            raise GeneratorError(
                f"the load generator {what}",
                cause=f"its log is {LOG} in {self._folder}",
                remedy="see the log",
            )
        return status is None

    def wait(self, timeout_s: float) -> None:
        """Wait for the generator's end, but no longer than this."""
        try:
            self._process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            return

    def new_requests(self) -> Iterator[Request]:
        """Yield the requests that ended since the last call."""
        return self._reader.new()

    def sample_cpu(self) -> None:
        """Note how busy machine and generator were since the last call."""
        self._cpu.sample()

    def stop(self) -> None:
        """End the generator in order, so that all of its files are written.

        Kill it if that does not help.
        """
        for number in (signal.SIGUSR1, signal.SIGTERM, signal.SIGKILL):
            if self._process.poll() is not None:
                return
            self._process.send_signal(number)
            self.wait(STOP_S + self._spec.drain_s)

    def _last_words(self) -> str:
        lines = (self._folder / LOG).read_text(encoding="utf-8", errors="replace").split("\n")
        return next((line.strip() for line in reversed(lines) if line.strip()), "(it said nothing)")


def environment() -> dict[str, str]:
    """Return Locust's environment: it finds the lab's modules where this process found them."""
    return os.environ | {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}


def command(folder: Path, spec: LoadSpec) -> list[str]:
    """Return Locust's command line: one keeper of the schedule, or the closed users."""
    closed = spec.pattern == "users"
    users, per_s = (spec.users, spec.ramp_per_s) if closed else (1, 1)
    return [
        sys.executable,
        *("-m", "locust", "-f", str(LOCUSTFILE), "ClosedUsers" if closed else "OpenArrivals"),
        *("--headless", "--users", str(users), "--spawn-rate", str(per_s)),
        *("--stop-timeout", str(math.ceil(spec.drain_s))),
        *("--host", spec.target_url, "--only-summary", "--loglevel", "WARNING"),
        *("--csv", str(folder / "locust"), "--csv-full-history", "--html", str(folder / "locust.html")),
    ]
