"""Experiments as a user starts them, and what has to hold of each on any machine.

The lab judges speed too: a bound in ms, whether the load kept its schedule, how long the services
took. What a test demands does not depend on the machine: the records are complete, every bound on a
count is kept, and where the verdict is not *met*, nothing but the machine's speed is the reason.
`make bench` is for speed.
"""

from __future__ import annotations

import fcntl
import json
import re
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from driver import ROOT, make

# The machine may be busy, and a reply that comes late by that is no failure of the system.
BUSY = {"IDLE_MIN": "0", "LIMIT_MS": "4000", "TIMEOUT_S": "10"}
STATUS = {"met": 0, "not met": 1, "could not run": 2, "not applicable": 2, "invalid": 3}
LASTING = {"lost_percent", "late_percent", "served_percent"}
"""Shares that grow with the time for which the system is away; like a time, they are the
machine's."""
OF_A_BURST = {"shed", "shed_percent", "late"}
"""What a load generator that stood still causes itself: it sends at once all that is due."""
LOCK = ROOT / ".build" / "measurement.lock"
OF_THE_MACHINE = re.compile(
    r"the generator fell behind|this machine is too slow|the machine had no CPU left|the generator used \d"
)
"""The lab's words for a machine that is too busy to measure anything."""
BY_CHANCE = re.compile(r"^nothing was at stake")
"""A struck server may hold no request at that moment: about one kill in six. The lab says so,
rightly."""


@contextmanager
def alone() -> Iterator[None]:
    """No measurement of another process of these tests goes on beside this one."""
    with LOCK.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def experiment(
    scenario: str, own: Path | None = None, *, trials: int = 1, given: Mapping[str, str] = BUSY
) -> subprocess.CompletedProcess[str]:
    """`make experiment`; `own` is a user's folder of scenarios."""
    folder = {"HADR_SCENARIOS": str(own)} if own else {}
    values = {**given, **folder, "TRIALS": str(trials)}
    with alone():
        return make("experiment", check=False, timeout_s=600, given=values, SCENARIO=scenario)


def folders_of(printed: str) -> list[Path]:
    """The result folders that a command named."""
    names = re.findall(r"^(?:report|records): results/([^/\s]+)/", printed, flags=re.MULTILINE)
    return [ROOT / "results" / name for name in names]


def status(done: subprocess.CompletedProcess[str]) -> int:
    """The exit status of the tool; make itself ends with 2 whatever it was, and says it."""
    said = re.search(r"^make(?:\[\d+\])?: \*\*\* .* Error (\d+)$", done.stderr, flags=re.MULTILINE)
    assert (said is None) == (done.returncode == 0), done.stderr
    return int(said.group(1)) if said else 0


def read(path: Path) -> dict[str, Any]:
    """A JSON file's content."""
    content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return content


def of_the_machine(verdict: Mapping[str, Any]) -> bool:
    """Return whether a verdict is invalid because the machine was too busy to measure anything."""
    said = any(OF_THE_MACHINE.search(one) for one in verdict["because"])
    return said and verdict["verdict"] == "invalid"


def held(done: subprocess.CompletedProcess[str], trials: int = 1) -> list[Path]:
    """Assert what holds of a scenario that the topology has to meet; return the trials' folders."""
    said = done.stdout + done.stderr
    folders = folders_of(done.stdout)[:trials]
    assert len(folders) == trials, said
    verdicts = [_held(folder) for folder in folders]
    if trials == 1:
        assert status(done) == STATUS[verdicts[0]], said
    return folders


def _held(folder: Path) -> str:
    """Assert it of one trial; return its verdict."""
    verdict, ledger = read(folder / "verdict.json"), read(folder / "ledger.json")
    because = verdict["because"]
    assert ledger["complete"], ledger["incomplete_because"]
    assert sum(ledger["classes"].values()) == ledger["sent"] > 0
    expectations = {each["text"]: each for each in verdict["expectations"]}
    assert expectations, because
    broken = {name: each for name, each in expectations.items() if not each["met"]}
    of_speed = LASTING | (OF_A_BURST if of_the_machine(verdict) else set())
    for name, each in broken.items():
        # What has no time did not come at all: that is not the machine's.
        assert not isinstance(each["measured"], str), because
        assert each["unit"] == "ms" or name in of_speed, because
    of_broken = tuple(f"{name}{mark}" for name in broken for mark in (" is ", ": "))
    reasons = [one for one in because if not one.startswith(of_broken)]
    exposure = verdict["exposure"]
    idle = exposure["total"]["exposed"] == 0 and not all(one["exempt"] for one in exposure["strokes"])
    assert idle == any(BY_CHANCE.search(one) for one in because), because
    reasons = [one for one in reasons if not BY_CHANCE.search(one)]
    assert verdict["verdict"] == "met" or all(OF_THE_MACHINE.search(one) for one in reasons), because
    findings = read(folder / "invariants.json")["findings"]
    assert [one for one in findings if one["verdict"] != "valid"] == []
    return str(verdict["verdict"])
