"""A chaos run from the plan to the saved records, with a controller and a Docker on loopback."""

import argparse
import json
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from lab import records
from lab.commands import chaos as command
from lab.commands import report
from lab.errors import NotSteadyError, UnreachableError
from lab.experiment import chaos
from lab.facts import summary
from lab.load import spec
from lab.parts.controller import Entry
from lab.settings import Settings
from unit.lab.journal_entries import journal, log_line, server, state
from unit.lab.loopback_controller import LoopbackController, controller
from unit.lab.loopback_docker import LoopbackDocker, docker
from unit.lab.loopback_watchdog import watchdog
from unit.lab.scripted_server import Reply, info, oracle, serving
from unit.paths import PYTHONPATH
from unit.trained import model_file


class Lab:
    """A system of three servers that notices a fault after 20 ms and is repaired `repair_s` later."""

    def __init__(self, peer: LoopbackController, engine: LoopbackDocker, guard: str) -> None:
        self.guard = guard
        self.peer = peer
        self.engine = engine
        self.steady = peer.state
        self.repair_s: float | None = 0.5
        self.timers: list[threading.Timer] = []
        engine.on_post = self.on_post

    def on_post(self, action: str, name: str) -> None:
        target = name.removeprefix("lab-").removesuffix("-1")
        if action in ("kill", "pause"):
            self.later(0.02, lambda: self.fall(target))
            if self.repair_s is not None:
                self.later(self.repair_s, lambda: self.rise(target))

    def later(self, seconds: float, act: object) -> None:
        timer = threading.Timer(seconds, act)  # type: ignore[arg-type]
        self.timers.append(timer)
        timer.start()

    def fall(self, target: str) -> None:
        self.peer.state = state(
            server(target, health="down", container="exited"), steady=False, reason=f"{target} is dead"
        )
        self.engine.log = (log_line(0, 30, "predictor-3") + "\n[NOTICE] not a request\n").encode()
        self.note("signal", source="tripwire", kind="tripwire_ended", server=target, what="connection ended")
        self.note("observation", server=target, change={"health": ["up", "down"]})
        self.note(
            "decision",
            action="promote",
            server="predictor-3",
            reason=f"{target} refused; predictor-3 takes its place",
        )
        self.note("action", action="promote", server="predictor-3", command="set weight", result="ok")
        self.note("confirmed", action="promote", server="predictor-3", took_ms=1.0)

    def rise(self, target: str) -> None:
        self.note("observation", server=target, change={"health": ["down", "up"]})
        self.note("confirmed", action="demote", server="predictor-3", took_ms=1.0)
        self.peer.state = replace(self.steady, time=time.time())

    def note(self, event: str, **fields: object) -> None:
        seq = len(self.peer.entries) + 1
        self.peer.write(Entry.from_raw({"seq": seq, "time": time.time(), "event": event, **fields}))


@pytest.fixture
def lab(monkeypatch: pytest.MonkeyPatch) -> Iterator[Lab]:
    monkeypatch.setenv("PYTHONPATH", PYTHONPATH)
    with controller(state()) as peer, docker() as engine, watchdog() as guard:
        peer.write(*journal((-1000, "started", {"version": "1"})))
        made = Lab(peer, engine, guard)
        yield made
        for timer in made.timers:
            timer.join()


def settings(lab: Lab, folder: Path) -> Settings:
    return Settings(
        controller_url=lab.peer.url,
        docker_url=lab.engine.url,
        watchdog=lab.guard,
        project="lab",
        results_dir=folder,
        chaos_wait_s=20,
    )


def the_folder(parent: Path) -> Path:
    (found,) = parent.iterdir()
    return found


def test_a_kill_is_told_and_its_records_are_saved(
    lab: Lab, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Timeline on the terminal; raw records and the timeline in a folder of their own."""
    assert command.run(argparse.Namespace(), settings(lab, tmp_path)) == 0
    output = capsys.readouterr().out
    assert "2-active: kill predictor-1 (active); no load of its own" in output
    for name in (
        "kill",
        "first sign",
        "detected",
        "decided",
        "in rotation",
        "healthy again",
        "demoted",
        "steady again",
    ):
        assert f" {name} " in output
    folder = the_folder(tmp_path)
    assert folder.name.endswith("-2-active-chaos")
    saved = json.loads((folder / "timeline.json").read_text())
    assert saved["plan"]["targets"] == ["predictor-1"]
    assert saved["steps"][0]["at_ms"] == 0
    assert 15 < next(step["at_ms"] for step in saved["steps"] if step["name"] == "first sign") < 5000
    entries = [json.loads(line) for line in (folder / "journal.jsonl").read_text().splitlines()]
    assert [entry["event"] for entry in entries][:2] == ["signal", "observation"]
    requests = [json.loads(line) for line in (folder / "haproxy.jsonl").read_text().splitlines()]
    assert [request["server"] for request in requests] == ["predictor-3"]
    assert (folder / "haproxy.txt").read_text() == "[NOTICE] not a request\n"
    assert not (folder / records.SETTINGS_FILE).exists()


def test_a_run_with_load_leaves_a_folder_that_is_read_like_a_load_tests(
    lab: Lab, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The load's own settings and what ran are beside its rows; `lab report` makes the summary."""
    monkeypatch.setattr(chaos, "LOAD_LEAD_S", 1.0)
    with serving(lambda _, path: info() if path.endswith("/info") else Reply()) as target:
        given = replace(
            settings(lab, tmp_path),
            predictor_url=target.url + "/{server}",
            model=model_file(),
            with_load=1,
            chaos_rate=20.0,
            target_url=target.url,
            stats_url=target.url,
            idle_min_percent=0.0,
        )
        assert command.run(argparse.Namespace(), given) == 0
    assert "Load generator, whole run: 0 of " in capsys.readouterr().out
    folder = the_folder(tmp_path)
    saved = records.read_json(folder / records.SETTINGS_FILE)
    sent = spec.read(folder)
    assert (sent.pattern, sent.rate_per_s) == ("constant", 20.0)
    assert saved["versions"]["model"] == oracle().version
    assert set(saved["containers"]) == {
        *("haproxy", "controller"),
        *("predictor-1", "predictor-2", "predictor-3"),
    }
    assert saved["started_s"] < saved["ended_s"]
    assert saved["state_start"]["steady"] is saved["state_end"]["steady"] is True
    assert report.run(argparse.Namespace(folder=folder), given) == 0
    made = summary.load(folder)
    assert made.topology == "2-active"
    assert made.sent_requests == made.served_requests > 20


def test_load_that_is_not_answered_ends_the_run_before_anything_is_struck(lab: Lab, tmp_path: Path) -> None:
    """No folder, no fault."""
    given = replace(settings(lab, tmp_path), with_load=1, predictor_url="http://127.0.0.1:9")
    with pytest.raises(UnreachableError, match="/info does not answer"):
        command.run(argparse.Namespace(), given)
    assert lab.engine.asked == []
    assert list(tmp_path.iterdir()) == []


def test_a_pause_is_undone_and_its_end_is_in_the_timeline(
    lab: Lab, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The container runs again when the run is over."""
    given = replace(settings(lab, tmp_path), fault="pause", hang_s=0.3)
    assert command.run(argparse.Namespace(), given) == 0
    assert lab.engine.asked == ["pause", "unpause"]
    assert " fault ended " in capsys.readouterr().out


def test_two_servers_are_struck_at_the_same_time(lab: Lab, tmp_path: Path) -> None:
    """The second kill does not wait until Docker has answered the first."""

    def slowly(action: str, name: str) -> None:
        lab.on_post(action, name)
        time.sleep(0.3)

    lab.engine.on_post = slowly
    given = replace(settings(lab, tmp_path), count=2)
    assert command.run(argparse.Namespace(), given) == 0
    strokes = json.loads((the_folder(tmp_path) / "timeline.json").read_text())["strokes"]
    assert [stroke["server"] for stroke in strokes] == ["predictor-1", "predictor-2"]
    assert abs(strokes[0]["time"] - strokes[1]["time"]) < 0.25


def test_a_system_that_stays_down_ends_the_run_with_status_1(
    lab: Lab, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The waiting is bounded, and the records are saved all the same."""
    lab.repair_s = None
    given = replace(settings(lab, tmp_path), chaos_wait_s=1.0)
    assert command.run(argparse.Namespace(), given) == 1
    output = capsys.readouterr().out
    assert "THE SYSTEM WAS NOT STEADY AGAIN" in output
    assert "no record shows that predictor-1 is healthy again" in output
    assert (the_folder(tmp_path) / "timeline.json").exists()


def test_a_system_that_is_not_steady_is_not_touched(lab: Lab, tmp_path: Path) -> None:
    """No request to Docker, no folder."""
    lab.peer.state = state(steady=False, reason="predictor-2 is starting")
    with pytest.raises(NotSteadyError):
        command.run(argparse.Namespace(), settings(lab, tmp_path))
    assert lab.engine.asked == []
    assert list(tmp_path.iterdir()) == []


def test_an_interruption_says_what_is_still_down(
    lab: Lab, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ctrl-C in the middle: the controller brings the server back, and the message says so."""

    def interrupt(*_: object) -> None:
        lab.timers[0].join()
        raise KeyboardInterrupt

    monkeypatch.setattr(chaos.Run, "_watch", interrupt)
    with pytest.raises(KeyboardInterrupt):
        command.run(argparse.Namespace(), settings(lab, tmp_path))
    assert "Still down: predictor-1 is down (exited)" in capsys.readouterr().out
