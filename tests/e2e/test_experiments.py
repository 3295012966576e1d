"""Experiments on a real topology, as a user types them, with scenarios of the user's own.

Nothing here depends on how fast the machine is; see runs.py.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from browser import NETWORK, Browser
from driver import (
    ROOT,
    TIME_SCALE,
    container,
    docker,
    environment,
    eventually,
    make,
    server,
    wait_until_steady,
)
from runs import experiment, folders_of, held, of_the_machine, read

pytestmark = pytest.mark.e2e
on_2_active = pytest.mark.parametrize("up", ["2-active"], indirect=True)

LOAD = "load: {rate: 25, before_s: 3, after_s: 1}\n"
SCENARIOS = {
    "lie": "faults: [{fault: wrong_answers, target: active, count: 1, length_s: 4}]\n"
    "expect: {lost: 0, wrong_answer: at least 1, out_of_rotation_ms: under 60000}\n",
    "ruin": "faults: [{fault: cut_off, target: all, length_s: 300}]\nexpect: {lost: 0}\n",
    "freeze": "faults: [{fault: pause, target: predictor-2, length_s: 300}]\nexpect: {lost: 0}\n",
    "freeze-balancer": "faults: [{fault: pause, target: haproxy, length_s: 300}]\nexpect: {lost: 0}\n",
    "hurry": "steady: {within_s: 1}\nfaults: [{fault: kill, target: active, count: 1}]\nexpect: {lost: 0}\n",
}
LENGTH_S = 300
"""How long the faults would last that are to be ended before."""
ABORT = "abort: {failed: 20}\n"
NO_ABORT = "abort: {failed: 5000}\n"
"""For a fault that nobody but the watchdog is to end."""


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """A user's folder of scenarios."""
    for name, text in SCENARIOS.items():
        bound = NO_ABORT if name == "freeze-balancer" else ABORT
        (tmp_path / f"{name}.yaml").write_text(f"description: a test\n{LOAD}{bound}{text}", encoding="utf-8")
    return tmp_path


@on_2_active
def test_two_trials_of_a_kill_lose_nothing_and_account_for_every_request(up: str, tmp_path: Path) -> None:
    done = experiment("kill-active", trials=2)
    first, second = held(done, trials=2)
    for folder in (first, second):
        ledger, verdict = read(folder / "ledger.json"), read(folder / "verdict.json")
        assert ledger["sent"] > 100
        assert (verdict["measures"]["lost"], ledger["classes"]["unknown"]) == (0, 0)
        events = [json.loads(line)["event"] for line in (folder / "faults.jsonl").read_text().splitlines()]
        assert events == ["inject", "effect", "undo", "ended"]
        names = [phase["name"] for phase in read(folder / "story.json")["phases"]]
        assert names[-1] == "steady again"
        assert {"detected", "decided", "in rotation", "first served"} <= set(names)
    trials = read(folders_of(done.stdout)[2] / "trials.json")
    verdicts = [read(folder / "verdict.json")["verdict"] for folder in (first, second)]
    assert (trials["met"] or {"successes": 0})["successes"] == verdicts.count("met")
    assert {read(folder / "verdict.json")["seed"] for folder in (first, second)} == {1, 2}
    with Browser(tmp_path) as browser:
        browser.open(first / "report.html")
        browser.wait("document.documentElement.dataset.drawn === 'yes'")
        assert verdicts[0] in browser.evaluate("document.querySelector('.verdict').innerText")
        assert (browser.complaints, [url for url in browser.requests if url.startswith(NETWORK)]) == ([], [])


@on_2_active
def test_wrong_answers_with_status_200_are_counted_and_their_server_leaves(up: str, own: Path) -> None:
    (folder,) = held(experiment("lie", own))
    ledger = read(folder / "ledger.json")
    (liar,) = (name for name, classes in ledger["per_server"].items() if classes.get("wrong_answer"))
    assert ledger["per_server"][liar]["wrong_answer"] == ledger["classes"]["wrong_answer"] > 0


@on_2_active
def test_too_much_damage_ends_it_at_once_and_undoes_everything(up: str, own: Path) -> None:
    """Every server is off the network for 300 s; after 20 failed requests that is enough."""
    done = experiment("ruin", own)
    verdict = read(folders_of(done.stdout)[0] / "verdict.json")
    assert verdict["aborted"], verdict["because"]
    assert verdict["verdict"] == "not met" or of_the_machine(verdict), verdict["because"]
    first, last = verdict["fault_s"]
    assert last - first < LENGTH_S, "the faults ended before their time"
    wait_until_steady()


def state_of(service: str) -> str:
    return docker("inspect", "-f", "{{.State.Status}}", container(service))


@contextmanager
def running(own: Path, scenario: str, paused: str) -> Iterator[subprocess.Popen[str]]:
    """Run one until its fault has paused a container."""
    command = ["make", "experiment", f"SCENARIO={scenario}", f"HADR_SCENARIOS={own}", "IDLE_MIN=0"]
    with subprocess.Popen(
        command,
        cwd=ROOT,
        env=environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        eventually(lambda: state_of(paused) == "paused", 60)
        yield process


@on_2_active
def test_ctrl_c_undoes_the_fault(up: str, own: Path) -> None:
    with running(own, "freeze", "predictor-2") as process:
        second = make("experiment", check=False, SCENARIO="hurry", HADR_SCENARIOS=str(own))
        assert second.returncode == 2
        assert "make experiment" in second.stderr, "one measurement at a time"
        os.killpg(process.pid, signal.SIGINT)  # as a terminal does
        process.communicate(timeout=60 * TIME_SCALE)
        assert process.returncode != 0
    assert state_of("predictor-2") == "running"
    newest = max((ROOT / "results").glob("*-freeze*/verdict.json"), key=lambda path: path.stat().st_mtime)
    assert read(newest)["verdict"] == "could not run"
    faults = (newest.parent / "faults.jsonl").read_text(encoding="utf-8").splitlines()
    assert [json.loads(line)["event"] for line in faults][-1] == "ended"
    wait_until_steady()


@on_2_active
def test_a_fault_ends_although_the_tools_container_is_killed(up: str, own: Path) -> None:
    """Nobody but the watchdog would let a paused balancer go on."""
    with running(own, "freeze-balancer", "haproxy") as process:
        tool = docker("ps", "-q", "--filter", f"name={container('lab')[:-2]}")
        docker("kill", tool)
        eventually(lambda: state_of("haproxy") == "running", 20)
        process.communicate(timeout=60 * TIME_SCALE)
        assert process.returncode != 0
    wait_until_steady()


@on_2_active
def test_a_system_that_is_not_steady_is_left_alone(up: str, own: Path) -> None:
    docker("stop", container("predictor-1"))
    eventually(lambda: server("predictor-1")["health"] != "up", 30)
    try:
        done = experiment("hurry", own)
        assert done.returncode == 2
        assert "predictor-1" in done.stderr
        assert folders_of(done.stdout) == []
    finally:
        docker("start", container("predictor-1"))
        wait_until_steady()


@on_2_active
def test_the_scenarios_are_listed_and_an_unknown_one_names_them(up: str, own: Path) -> None:
    listed = make("scenarios", HADR_SCENARIOS=str(own)).stdout
    assert "kill-active" in listed
    assert "freeze" in listed
    done = experiment("kill-activ", own)
    assert done.returncode == 2
    assert "kill-active" in done.stderr
