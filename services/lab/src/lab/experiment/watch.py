"""Watches an experiment all along.

The servers' states and what the clients saw, four times a second.
"""

from __future__ import annotations

import dataclasses
import json
import math
import time
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path

from lab.errors import UnreachableError
from lab.experiment.abort import Window, failed_percent
from lab.load.generator import Load
from lab.load.progress import latency_ms
from lab.parts.controller import Controller, State
from lab.records.classes import CLIENT_GONE, ERROR, FAILURES, LATE, NONE, REFUSED
from lab.records.folder import SAMPLES
from lab.records.requests import Request
from lab.settings import Settings

EVERY_S = 0.25
CPU_EVERY_S = 1.0
ASK_S = 1.0
"""A controller that does not answer for this long is not waited for: the sample says so."""
LAST_S = 1.0
COUNTS = {"served": NONE, "refused": REFUSED, "error": ERROR, "late": LATE}


class Watch:
    """The samples of one trial. `rows` are read along from the load generator's rows."""

    def __init__(self, folder: Path, settings: Settings) -> None:
        self._controller = Controller(settings.controller_url, timeout_s=ASK_S)
        self._file = (folder / SAMPLES).open("x", encoding="utf-8")
        self._load: Load | None = None
        self._sampled_s = time.time()
        self._cpu_s = 0.0
        self.windows: list[Window] = []
        self.rows: list[Request] = []
        self.steady = False
        self.reason = "not asked yet"
        self.load_over = False
        self._steady_since: float | None = None

    def close(self) -> None:
        """Close file and connection."""
        self._file.close()
        self._controller.close()

    def follow(self, load: Load) -> None:
        """Read a load generator's rows along from now on."""
        self._load = load

    def stop_load(self) -> None:
        """End the load in order, if there is one."""
        if self._load is not None:
            self._load.stop()

    def sample(self) -> None:
        """Take one sample; raise GeneratorError if the load generator died."""
        begun = time.monotonic()
        fresh = [] if self._load is None else list(self._load.new_requests())
        self.rows += fresh
        if self._load is not None and not self.load_over:
            self.load_over = not self._load.running()
            if time.monotonic() - self._cpu_s >= CPU_EVERY_S and not self.load_over:
                self._cpu_s = time.monotonic()
                self._load.sample_cpu()
        state = self._state()
        now_s = time.time()
        self._steady_since = (self._steady_since or now_s) if self.steady else None
        window = Window(self._sampled_s, now_s, Counter(row.failure for row in fresh))
        self._sampled_s = now_s
        self.windows.append(window)
        self._write(now_s, state, window)
        time.sleep(max(0.0, EVERY_S - (time.monotonic() - begun)))

    def sample_until(self, over: Callable[[], bool], within_s: float) -> bool:
        """Take samples until something is so; return False if it is not in time."""
        deadline = time.monotonic() + within_s
        while not over():
            if time.monotonic() >= deadline:
                return False
            self.sample()
        return True

    def since(self, start_s: float) -> list[Window]:
        """Return the samples' windows from a time on (epoch s)."""
        return [window for window in self.windows if window.start_s >= start_s]

    def recovered(self, failed_at_most_percent: float | None, since_s: float) -> float | None:
        """Return since when the system has been steady and the clients well.

        In epoch s, not before `since_s`.

        None until that has been so for a second: a controller takes a moment to notice a fault.
        Where the load is over, its last second counts; without a bound on their failures the
        clients are not asked.
        """
        if self._steady_since is None:
            return None
        start_s = max(self._steady_since, since_s)
        if time.time() - start_s < LAST_S:
            return None
        if failed_at_most_percent is None:
            return start_s
        asked = [one for one in self.windows if one.sent] if self.load_over else self.windows
        share = failed_percent(asked, asked[-1].end_s - LAST_S - EVERY_S) if asked else None
        return start_s if share is not None and share <= failed_at_most_percent else None

    def _state(self) -> State | None:
        try:
            state = self._controller.state()
        except UnreachableError as error:
            self.steady, self.reason = False, error.what
            return None
        self.steady, self.reason = state.steady, state.steady_reason
        return state

    def _write(self, now_s: float, state: State | None, window: Window) -> None:
        line = {
            "time": now_s,
            "steady": self.steady,
            "steady_reason": self.reason,
            "servers": [dataclasses.asdict(server) for server in state.servers] if state else [],
            "window": {"sent": window.sent, **{key: window.kinds[kind] for key, kind in COUNTS.items()}},
        }
        self._file.write(json.dumps(line) + "\n")
        self._file.flush()


def unsteady(rows: Iterable[Request], failed_at_most_percent: float, p95_at_most_ms: float) -> str:
    """Return why the load before the faults was not served steadily; empty if it was."""
    counted = [row for row in rows if row.failure != CLIENT_GONE]
    if not counted:
        return "no request of the load was answered"
    failed = 100 * sum(row.failure in FAILURES for row in counted) / len(counted)
    if failed > failed_at_most_percent:
        return (
            f"{failed:.1f} % of the requests failed before any fault (at most {failed_at_most_percent:g} %)"
        )
    p95_ms = latency_ms(counted, 0.95)
    if p95_ms is not None and p95_ms > p95_at_most_ms:
        took = "got no reply" if math.isinf(p95_ms) else f"took up to {p95_ms:.0f} ms"
        return f"the p95 of the requests {took} (at most {p95_at_most_ms:g} ms)"
    return ""
