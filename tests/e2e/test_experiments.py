"""Experiments on a real topology, as a user types them."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from driver import ROOT, make, run, state, wait_until_steady

pytestmark = pytest.mark.e2e


def experiment(scenario: str) -> subprocess.CompletedProcess[str]:
    """Run one. A machine that runs tests may be short of CPU; whether requests are lost is what is asked."""
    return make("experiment", check=False, SCENARIO=scenario, IDLE_MIN="0", CAPACITY="40")


def folder_of(printed: str) -> Path:
    found = re.findall(r"^(?:report|records): results/([^/\s]+)/", printed, flags=re.MULTILINE)
    assert found, printed
    return ROOT / "results" / str(found[-1])


def verdict_of(printed: str) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((folder_of(printed) / "verdict.json").read_text(encoding="utf-8"))
    return content


@pytest.mark.parametrize("up", ["2-active"], indirect=True)
def test_a_killed_active_server_costs_no_request(up: str) -> None:
    """The verdict is met, every request has its class, the standby came, the report is there."""
    done = experiment("kill-active")
    folder = folder_of(done.stdout)
    verdict = verdict_of(done.stdout)
    assert (verdict["verdict"], done.returncode) == ("met", 0), (verdict["because"], done.stderr)
    ledger = json.loads((folder / "ledger.json").read_text(encoding="utf-8"))
    assert sum(ledger["classes"].values()) == ledger["sent"] > 100
    assert ledger["complete"]
    assert ledger["classes"]["unknown"] == 0
    measured = {one["text"]: one["measured"] for one in verdict["expectations"]}
    assert measured["lost"] == 0
    assert measured["in_rotation_ms"] < 200
    events = [json.loads(line)["event"] for line in (folder / "faults.jsonl").read_text().splitlines()]
    assert events == ["inject", "effect", "undo", "ended"]
    assert (folder / "report.html").stat().st_size > 10_000
    wait_until_steady()


@pytest.mark.parametrize("up", ["3-active"], indirect=True)
def test_a_scenario_that_needs_a_standby_is_not_applicable_without_one(up: str) -> None:
    done = experiment("kill-standby")
    assert done.returncode == 2
    verdict = verdict_of(done.stdout)
    assert verdict["verdict"] == "not applicable"
    assert "standby" in verdict["because"][0]
    assert state()["steady"]


@pytest.mark.parametrize("up", ["2-active"], indirect=True)
def test_the_scenarios_are_listed_and_an_unknown_one_names_them(up: str) -> None:
    assert "kill-active" in make("scenarios").stdout
    done = run("make", "experiment", "SCENARIO=kill-activ", check=False)
    assert done.returncode == 2
    assert "kill-active" in done.stderr
