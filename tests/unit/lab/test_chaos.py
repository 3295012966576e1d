"""`make chaos`: an experiment with one fault, with and without load, and its terminal page."""

import _thread
import argparse
import json
import re
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from lab.commands import chaos as command
from lab.commands import report
from lab.errors import NotSteadyError, UnreachableError
from lab.experiment import one_fault, strokes
from lab.load import spec
from lab.records.folder import FAULTS, LEDGER, REQUESTS, STORY, SUMMARY, VERDICT, read_json
from lab.report import story_text
from lab.settings import Settings
from unit.lab import loopback_lab
from unit.lab.journal_entries import state
from unit.lab.loopback_lab import Lab, lines, running, the_folder
from unit.paths import PYTHONPATH


@pytest.fixture
def lab(monkeypatch: pytest.MonkeyPatch, a_stall_is_no_matter: None) -> Iterator[Lab]:
    monkeypatch.setenv("PYTHONPATH", PYTHONPATH)
    with running() as made:
        yield made


def settings(lab: Lab, results: Path, **more: Any) -> Settings:
    return loopback_lab.settings(lab, results, **({"chaos_wait_s": 60.0} | more))


def run(given: Settings) -> int:
    return command.run(argparse.Namespace(), given)


def test_a_kill_without_load_is_told_from_journal_and_samples(
    lab: Lab, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The story on the terminal.

    Raw records, story, scenario and verdict in a folder of their own.
    """
    given = settings(lab, tmp_path)
    assert run(given) == 0
    output = capsys.readouterr().out
    assert "2-active: kill predictor-1 (active); no load of its own" in output
    shown = re.findall(r"^ +\+[\d.]+ m?s  (\S.*?)  +(\S+)", output, re.MULTILINE)
    assert shown[:5] == [
        ("kill", "predictor-1"),
        ("first sign", "predictor-1"),
        ("detected", "predictor-1"),
        ("decided", "predictor-3"),
        ("in rotation", "predictor-3"),
    ]
    assert [name for name, _ in shown][5:] == ["healthy again", "demoted", "steady again"]
    assert "No load was brought along: LOAD=1 brings some." in output
    folder = the_folder(given)
    assert output.splitlines()[-1] == f"Records: results/{folder.name}/"
    assert folder.name.endswith("-2-active-chaos")
    written = {path.name for path in folder.iterdir()}
    assert {"scenario.yaml", "faults.jsonl", "samples.jsonl", "journal.jsonl", "settings.json"} <= written
    assert not {REQUESTS, LEDGER, SUMMARY} & written, "nothing was sent"
    assert "/predict" not in {path for path, _, _ in lab.target.requests}
    verdict = read_json(folder / VERDICT)
    assert (verdict["verdict"], verdict["scenario"], verdict["expectations"]) == ("met", "chaos", [])
    story = read_json(folder / STORY)
    assert story["requests"] is None
    assert story["milestones"][0]["fault"] == "kill"
    assert report.run(argparse.Namespace(folder=folder), given) == 0
    assert "records: nothing was sent: there are no requests to account for\n" in capsys.readouterr().out


def test_a_kill_with_load_is_an_experiment_with_a_ledger(
    lab: Lab, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The page's sentences of the requests are the ledger's and the generator's; the two agree."""
    monkeypatch.setattr(one_fault, "BEFORE_S", 1.5)
    given = settings(lab, tmp_path, with_load=1, chaos_rate=20.0)
    assert run(given) == 0
    output = capsys.readouterr().out
    assert "2-active: kill predictor-1 (active); load: 20 requests/s" in output
    folder = the_folder(given)
    sent = spec.read(folder)
    assert (sent.pattern, sent.rate_per_s) == ("constant", 20.0)
    ledger = read_json(folder / LEDGER)
    assert f"Load generator, whole run: 0 of {ledger['sent']} failed (0 " in output
    around = read_json(folder / STORY)["requests"]
    assert ledger["sent"] > around["sent"] == around["served"] > 2
    counts = f"{around['sent']} requests, {around['sent']} served, 0 refused, 0 lost; 0 were tried again"
    assert f"From the fault until {around['seconds']:.1f} s later: {counts}" in output
    assert re.search(
        r"^Slowest: [\d.]+ ms \(request [0-9a-f]{32}\); in the first second: [\d.]+ ms; "
        r"usual in a second before the fault: [\d.]+ ms$",
        output,
        re.MULTILINE,
    )


def test_two_servers_are_paused_at_the_same_time_and_the_end_of_it_is_told(
    lab: Lab, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The second does not wait until Docker has answered the first.

    The containers run again afterwards.
    """
    post, both = lab.on_post, threading.Barrier(2, timeout=30)

    def together(action: str, name: str) -> None:
        if action == "pause":
            both.wait()
        post(action, name)

    lab.engine.on_post = together
    given = settings(lab, tmp_path, count=2, fault="pause", hang_s=0.3)
    assert run(given) == 0
    struck = [each for each in lines(the_folder(given) / FAULTS) if each["event"] == "inject"]
    assert sorted(each["target"] for each in struck) == ["predictor-1", "predictor-2"]
    assert sorted(lab.engine.asked) == ["pause", "pause", "unpause", "unpause"]
    assert re.search(r" fault ended +predictor-[12] +pause is undone", capsys.readouterr().out)


def test_a_system_that_stays_down_ends_the_run_with_status_1(
    lab: Lab, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The waiting is bounded, and the story is told all the same; the server is started again."""
    lab.repair_s = None
    given = settings(lab, tmp_path, chaos_wait_s=1.0)
    assert run(given) == 1
    output = capsys.readouterr().out
    assert "THE SYSTEM WAS NOT STEADY AGAIN" in output
    assert "no record shows that predictor-1 is healthy again" in output
    assert lab.engine.asked == ["kill", "start"]
    assert (the_folder(given) / STORY).exists()


def test_a_fault_without_effect_ends_the_run_with_status_2(
    lab: Lab, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(strokes, "EFFECT_S", 0.3)
    lab.engine.deaf_to = frozenset({"kill"})
    assert run(settings(lab, tmp_path)) == 2
    assert "COULD NOT RUN: kill took no effect on predictor-1" in capsys.readouterr().out


def test_load_that_is_not_answered_ends_the_run_before_anything_is_struck(lab: Lab, tmp_path: Path) -> None:
    """No folder, no fault."""
    with pytest.raises(UnreachableError, match="does not answer"):
        run(settings(lab, tmp_path, with_load=1, target_url="http://127.0.0.1:9"))
    assert lab.engine.asked == []
    assert list(tmp_path.iterdir()) == []


def test_a_system_that_is_not_steady_is_not_touched(lab: Lab, tmp_path: Path) -> None:
    """No request to Docker, no folder."""
    lab.peer.state = state(steady=False, reason="predictor-2 is starting")
    with pytest.raises(NotSteadyError):
        run(settings(lab, tmp_path))
    assert lab.engine.asked == []
    assert list(tmp_path.iterdir()) == []


def test_an_interruption_leaves_no_server_down(lab: Lab, tmp_path: Path) -> None:
    """Ctrl-C while the repair is waited for: what was killed is started before the command ends."""
    lab.repair_s = None
    post = lab.on_post

    def on_post(action: str, name: str) -> None:
        post(action, name)
        if action == "kill":
            lab.later(0.3, _thread.interrupt_main)

    lab.engine.on_post = on_post
    given = settings(lab, tmp_path)
    with pytest.raises(KeyboardInterrupt):
        run(given)
    assert lab.engine.status["lab-predictor-1-1"] == "running"
    assert "interrupted" in read_json(the_folder(given) / VERDICT)["because"]


AROUND: dict[str, Any] = {
    "seconds": 8.66,
    "sent": 128,
    "served": 0,
    "late": 0,
    "refused": 0,
    "lost": 120,
    "retried": 3,
    "others": {"client_gone": 8},
    "slowest_ms": None,
    "slowest_id": "",
    "first_second_ms": None,
    "usual_ms": None,
}


def shown(folder: Path, around: dict[str, Any] | None, **verdict: Any) -> str:
    """Draw the page of planted results."""
    said = {"verdict": "met", "because": ["everything expected holds"]} | verdict
    (folder / VERDICT).write_text(json.dumps(said))
    milestone = {
        "name": "injected", "fault": "kill", "server": "predictor-1", "text": "SIGKILL", "at_ms": 0.0,
    }  # fmt: skip
    later = milestone | {"name": "steady again", "server": "", "text": "all well", "at_ms": 12_345.0}
    story = {"milestones": [milestone, later], "remarks": ["a remark"], "requests": around}
    (folder / STORY).write_text(json.dumps(story))
    console = Console(width=140)
    with console.capture() as captured:
        console.print(story_text.page(folder))
    return captured.get()


def test_the_page_has_times_names_servers_and_texts_in_columns(tmp_path: Path) -> None:
    page = shown(tmp_path, None).splitlines()
    assert page[:3] == [
        "   +0.0 ms  kill          predictor-1  SIGKILL",
        "  +12.35 s  steady again               all well",
        "  - a remark",
    ]


def test_requests_that_found_no_server_are_lost_and_not_refused(tmp_path: Path) -> None:
    """There was a second classification, which called them refused."""
    assert (
        "From the fault until 8.7 s later: 128 requests, 0 served, 0 refused, 120 lost, 8 client gone; "
        "3 were tried again"
    ) in shown(tmp_path, AROUND)


def test_why_the_figures_are_not_to_be_relied_on_is_on_the_page(tmp_path: Path) -> None:
    page = shown(tmp_path, AROUND, verdict="invalid", because=["the machine had no CPU left"])
    assert "Not valid as a measurement: the machine had no CPU left" in page
