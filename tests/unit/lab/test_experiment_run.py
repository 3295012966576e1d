"""A whole experiment against peers on loopback: a scripted server, a controller, a Docker."""

from __future__ import annotations

import _thread
import argparse
import json
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from lab.commands import experiment as command
from lab.errors import ModelError, NotSteadyError
from lab.records.folder import ANSWERS, BODIES, LEDGER, VERDICT, read_json
from lab.settings import Settings
from unit.lab import loopback_lab
from unit.lab.journal_entries import state
from unit.lab.loopback_lab import NOTICED_S, Lab, lines, running, the_folder
from unit.paths import PYTHONPATH

SCENARIO = """\
description: one server dies
load: {rate: 40, before_s: 1, after_s: 0}
faults:
  - {fault: kill, target: predictor-1, at_s: 0}
expect: {lost: 0, in_rotation_ms: under 10000, unknown: 0}
abort: {failed: 50}
recovery: {within_s: 60}
"""
UNLOADED = """\
description: one server dies, and nobody asks for anything
load: {pattern: none, before_s: 1, after_s: 0}
faults:
  - {fault: kill, target: predictor-1, at_s: 0}
expect: {}
abort: {failed: 50}
recovery: {within_s: 60}
"""


@pytest.fixture
def lab(monkeypatch: pytest.MonkeyPatch, a_stall_is_no_matter: None) -> Iterator[Lab]:
    monkeypatch.setenv("PYTHONPATH", PYTHONPATH)
    with running() as made:
        yield made


def settings(lab: Lab, folder: Path, scenario: str = SCENARIO, **more: Any) -> Settings:
    """Settings of a run; the scenario is the user's own file `own.yaml`."""
    users = folder / "scenarios"
    users.mkdir()
    (users / "own.yaml").write_text(scenario, encoding="utf-8")
    return loopback_lab.settings(lab, folder / "results", scenarios_dir=users, scenario="own", **more)


def test_a_kill_is_done_watched_recovered_from_and_judged(
    lab: Lab, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Every file of the folder is there; the fault's four events are in order.

    The verdict is in words.
    """
    given = settings(lab, tmp_path)
    status = command.run(argparse.Namespace(), given)
    folder = the_folder(given)
    verdict = read_json(folder / VERDICT)
    assert folder.name.endswith("-2-active-own")
    assert (folder / "scenario.yaml").read_text() == SCENARIO
    wanted = {
        *(
            "requests.csv",
            "haproxy.jsonl",
            "predictor.jsonl",
            "journal.jsonl",
            "faults.jsonl",
            "samples.jsonl",
        ),
        *("ledger.json", "ledger.parquet", "story.json", "invariants.json", "verdict.json", "settings.json"),
        *(ANSWERS, BODIES, "collected.json"),
    }
    assert wanted <= {path.name for path in folder.iterdir()}, verdict
    events = lines(folder / "faults.jsonl")
    assert [(one["event"], one["target"]) for one in events] == [
        (event, "predictor-1") for event in ("inject", "effect", "undo", "ended")
    ]
    samples = lines(folder / "samples.jsonl")
    assert not all(one["steady"] for one in samples)
    assert sum(one["window"]["sent"] for one in samples) > 40
    measured = {one["text"]: one["measured"] for one in verdict["expectations"]}
    assert measured["lost"] == measured["unknown"] == 0
    assert 0.9 * 1000 * NOTICED_S <= measured["in_rotation_ms"] < 10_000
    assert verdict["exposure"]["total"]["exposed"] > 0
    assert verdict["fault_s"][0] < verdict["recovered_s"]
    assert all(one["met"] for one in verdict["expectations"])
    assert (verdict["verdict"], status) == ("met", 0), verdict["because"]
    assert verdict["because"] == ["everything expected holds", "no limit is set to requests refused, late"]
    assert verdict["scenario"] == "own"
    assert "own" in capsys.readouterr().out


def test_a_kill_of_a_server_without_traffic_is_no_experiment(lab: Lab, tmp_path: Path) -> None:
    """Planted: all requests went to another server, and every expectation was met."""
    lab.first = "predictor-2"
    given = settings(lab, tmp_path)
    status = command.run(argparse.Namespace(), given)
    verdict = read_json(the_folder(given) / VERDICT)
    assert all(one["met"] for one in verdict["expectations"])
    assert (verdict["verdict"], status) == ("invalid", 3), verdict["because"]
    assert verdict["because"][0].startswith("nothing was at stake")


def other_probability(right: bytes) -> bytes:
    """Lie as every server would that serves another model under the same name."""
    said = json.loads(right)
    probability = 1 - said["Placement_Probability"]
    return json.dumps({"Placement_Probability": probability, "Placement": probability >= 0.5}).encode()


def other_placement(right: bytes) -> bytes:
    """Tell the right probability, and decide against it."""
    said = json.loads(right)
    return json.dumps({**said, "Placement": not said["Placement"]}).encode()


LIES = {
    "all servers are wrong in the same way": other_probability,
    "the decision is flipped": other_placement,
}


@pytest.mark.parametrize("lie", LIES.values(), ids=LIES)
def test_answers_that_all_servers_agree_on_are_wrong_all_the_same(
    lab: Lab, tmp_path: Path, lie: Callable[[bytes], bytes]
) -> None:
    """Nobody who asks the servers could tell; the model file does."""
    lab.lie = lie
    given = settings(lab, tmp_path, SCENARIO.replace("unknown: 0", "unknown: 0, wrong_answer: 0"))
    assert command.run(argparse.Namespace(), given) == 1
    folder = the_folder(given)
    book = read_json(folder / LEDGER)
    assert book["classes"]["wrong_answer"] == book["sent"] > 40
    assert read_json(folder / VERDICT)["verdict"] == "not met"


def test_servers_of_another_model_are_refused_before_any_load(lab: Lab, tmp_path: Path) -> None:
    """The message names the server, both versions, and what to do.

    Nothing is written, nobody is struck.
    """
    lab.info = {"model_version": "0.9.0+cafe"}
    given = settings(lab, tmp_path)
    with pytest.raises(ModelError, match=r"predictor-1 serves the model 0\.9\.0\+cafe, the tools carry 1\."):
        command.run(argparse.Namespace(), given)
    assert not given.results_dir.exists()
    assert lab.engine.asked == []


def test_damage_beyond_the_bound_stops_it_and_undoes_the_fault(lab: Lab, tmp_path: Path) -> None:
    """The pause would last 60 s.

    It ends as soon as the bound is passed, and its end is verified.
    """
    scenario = SCENARIO.replace("fault: kill", "fault: pause").replace("at_s: 0}", "at_s: 0, length_s: 60}")
    given = settings(lab, tmp_path, scenario)
    fall = lab.fall

    def fall_and_fail(target: str) -> None:
        fall(target)
        lab.failing = True

    lab.fall = fall_and_fail  # type: ignore[method-assign]
    lab.repair_s = None
    post = lab.on_post

    def on_post(action: str, name: str) -> None:
        post(action, name)
        if action == "unpause":
            lab.failing = False
            lab.rise("predictor-1", name)

    lab.engine.on_post = on_post
    status = command.run(argparse.Namespace(), given)
    verdict = read_json(the_folder(given) / VERDICT)
    assert verdict["aborted"]
    assert verdict["fault_s"][1] - verdict["fault_s"][0] < 50
    assert "stopped early: " in " ".join(verdict["because"])
    assert status in (1, 3)
    assert lab.engine.status["lab-predictor-1-1"] == "running"
    assert lines(the_folder(given) / "faults.jsonl")[-1]["event"] == "ended"


def test_damage_after_a_kill_that_nobody_repairs_stops_it_too(lab: Lab, tmp_path: Path) -> None:
    """The kill is over at once; the damage comes while the recovery is waited for.

    Undoing is starting it.
    """
    given = settings(lab, tmp_path)
    fall, post = lab.fall, lab.on_post
    lab.repair_s = None

    def fall_and_fail(target: str) -> None:
        fall(target)
        lab.failing = True

    def on_post(action: str, name: str) -> None:
        post(action, name)
        if action == "start":
            lab.failing = False
            lab.rise("predictor-1", name)

    lab.fall = fall_and_fail  # type: ignore[method-assign]
    lab.engine.on_post = on_post
    command.run(argparse.Namespace(), given)
    verdict = read_json(the_folder(given) / VERDICT)
    assert verdict["aborted"]
    assert verdict["recovered_s"] is not None
    struck, ended = verdict["fault_s"]
    assert ended - struck < 50, "not only when the recovery's 60 s were over"


def test_a_role_that_the_topology_lacks_is_not_applicable(lab: Lab, tmp_path: Path) -> None:
    """Status 2, with the reason; nothing is done to anybody."""
    given = settings(lab, tmp_path, SCENARIO.replace("predictor-1", "region:region-9"))
    assert command.run(argparse.Namespace(), given) == 2
    verdict = read_json(the_folder(given) / VERDICT)
    assert verdict["verdict"] == "not applicable"
    assert "region-9" in verdict["because"][0]
    assert lab.engine.asked == []


def test_a_system_that_is_not_steady_is_left_alone(lab: Lab, tmp_path: Path) -> None:
    """The message says what is not; no folder, no fault."""
    lab.peer.state = state(steady=False, reason="predictor-2 is starting")
    given = settings(lab, tmp_path, SCENARIO + "steady: {within_s: 0}\n")
    with pytest.raises(NotSteadyError, match="predictor-2 is starting"):
        command.run(argparse.Namespace(), given)
    assert lab.engine.asked == []
    assert not given.results_dir.exists()


def test_an_overload_needs_no_fault(lab: Lab, tmp_path: Path) -> None:
    """The spike begins at the time 0; the load ends by itself; the system is steady all along."""
    load = "load: {pattern: spike, rate: 20, peak_rate: 80, peak_s: 2, before_s: 1.5, after_s: 0}"
    scenario = f"description: too much\n{load}\nfaults: []\nexpect: {{lost: 0}}\nabort: {{failed: 50}}\n"
    given = settings(lab, tmp_path, scenario)
    status = command.run(argparse.Namespace(), given)
    folder = the_folder(given)
    verdict = read_json(folder / VERDICT)
    assert (verdict["verdict"], status) == ("met", 0), verdict["because"]
    assert verdict["fault_s"] is None
    assert lines(folder / "faults.jsonl") == []
    sent = len((folder / "requests.csv").read_text().splitlines()) - 1
    assert 120 < sent < 320


def test_an_interruption_undoes_the_fault_and_keeps_the_records(lab: Lab, tmp_path: Path) -> None:
    """Ctrl-C in the middle of a pause of 60 s: the container runs again before the command ends."""
    scenario = UNLOADED.replace("fault: kill", "fault: pause").replace("at_s: 0}", "at_s: 0, length_s: 60}")
    given = settings(lab, tmp_path, scenario)
    post = lab.on_post

    def on_post(action: str, name: str) -> None:
        post(action, name)
        if action == "pause":
            lab.later(0.5, _thread.interrupt_main)

    lab.engine.on_post = on_post
    with pytest.raises(KeyboardInterrupt):
        command.run(argparse.Namespace(), given)
    assert lab.engine.status["lab-predictor-1-1"] == "running"
    folder = the_folder(given)
    assert [one["event"] for one in lines(folder / "faults.jsonl")][-1] == "ended"
    verdict = read_json(folder / VERDICT)
    assert verdict["verdict"] == "could not run"
    assert "interrupted" in verdict["because"][0]
    assert (folder / "journal.jsonl").is_file()


def test_ctrl_c_that_comes_many_times_leaves_no_fault_behind(lab: Lab, tmp_path: Path) -> None:
    """A terminal, Compose and `docker stop` all send it, on a busy machine at the same moment."""
    scenario = UNLOADED.replace("fault: kill", "fault: pause").replace("at_s: 0}", "at_s: 0, length_s: 60}")
    given = settings(lab, tmp_path, scenario)
    post = lab.on_post
    lab.repair_s = None  # nobody but the tool ends it
    sent: list[int] = []

    def on_post(action: str, name: str) -> None:
        if action == "pause":
            lab.later(0.5, _thread.interrupt_main)
        if action == "unpause":  # it is being undone
            for number in range(500):
                signal.raise_signal(signal.SIGINT)
                sent.append(number)
                time.sleep(0)  # the main thread gets its turn
        post(action, name)

    lab.engine.on_post = on_post
    with pytest.raises(KeyboardInterrupt):
        command.run(argparse.Namespace(), given)
    assert len(sent) == 500
    assert lab.engine.status["lab-predictor-1-1"] == "running"
    assert read_json(the_folder(given) / VERDICT)["verdict"] == "could not run"
    assert [one["event"] for one in lines(the_folder(given) / "faults.jsonl")][-1] == "ended"


def test_trials_are_summed_up(lab: Lab, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A folder per trial, one for all of them; each trial has the next seed."""
    given = settings(lab, tmp_path, UNLOADED, trials=2)
    assert command.run(argparse.Namespace(), given) == 0
    folders = sorted(path for path in given.results_dir.iterdir() if path.name.endswith("own"))
    assert [read_json(path / VERDICT)["seed"] for path in folders] == [1, 2]
    (summed,) = (path for path in given.results_dir.iterdir() if path.name.endswith("-trials"))
    content = read_json(summed / command.TRIALS_FILE)
    assert content["met"]["successes"] == 2
    assert "met in 2 of 2 trials" in capsys.readouterr().out


def test_trials_that_cannot_begin_are_counted_and_end_the_series(
    lab: Lab, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The next ones would not begin either; nobody waits for all of them."""
    lab.peer.state = state(steady=False, reason="predictor-2 is starting")
    given = settings(lab, tmp_path, SCENARIO + "steady: {within_s: 0}\n", trials=5)
    assert command.run(argparse.Namespace(), given) == 2
    printed = capsys.readouterr().out
    assert "trial 3 could not run" in printed
    assert "trial 4" not in printed
