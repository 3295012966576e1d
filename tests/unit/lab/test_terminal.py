"""What wait, stats and watch show, of a controller on loopback."""

import argparse
import queue
import re
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from io import StringIO

import pytest
from rich.console import Console

from lab.commands import stats, wait, watch
from lab.parts.controller import Entry
from lab.report import terminal
from lab.settings import Settings
from unit.lab.journal_entries import KILLED_AND_REPLACED, journal, server, state
from unit.lab.loopback_controller import LoopbackController, controller

NOBODY = argparse.Namespace()


@pytest.fixture
def peer() -> Iterator[LoopbackController]:
    with controller(state()) as made:
        yield made


def test_the_table_says_role_region_state_and_use_of_each_server() -> None:
    """A dead container is shown beside the health.

    Nothing is cut off where there is no terminal.
    """
    out = StringIO()
    shown = state(
        server("predictor-1"), server("predictor-3", "standby", "down", container="exited"), steady=False
    )
    terminal.console(out).print(terminal.servers_table(shown))
    lines = [" ".join(line.split()) for line in out.getvalue().splitlines()]
    assert lines[0] == "2-active: not steady: all is well"
    assert lines[1] == "server role region state in rotation weight sessions/limit queue reason"
    assert lines[2] == "predictor-1 active region-1 up yes 100 2/10 0 active; as it should"
    assert lines[3] == "predictor-3 standby region-1 down (exited) no 0 2/10 0 standby; as it should"


def test_lines_end_with_their_last_visible_character() -> None:
    """Rich fills up a table's lines; what is copied or compared should not have that.

    Colours stay.
    """
    out = StringIO()
    shown = Console(file=out, force_terminal=True, width=120, color_system="standard", highlight=False)
    wide = replace(server("predictor-2"), reason="東京")
    shown.print(terminal.Trimmed(terminal.servers_table(state(server("predictor-1"), wide))))
    lines = [re.sub("\x1b\\[[0-9;]*m", "", line) for line in out.getvalue().splitlines()]
    assert [line for line in lines if line != line.rstrip()] == []
    assert lines[2].endswith("active; as it should")
    assert lines[3].endswith("東京")
    assert "\x1b[32mup" in out.getvalue()


SENTENCES = [
    (1, "signal", "predictor-1: connection ended, then refused (tripwire)"),
    (2, "observation", "predictor-1: health up -> down, tripwire connected -> refused"),
    (4, "decision", "promote predictor-3: predictor-1 refused connections; predictor-3 takes its place"),
    (5, "action", "promote predictor-3: ok, after 0.8 ms: set server predictors/predictor-3 weight 100"),
    (6, "confirmed", "promote predictor-3: after 2.4 ms"),
]


@pytest.mark.parametrize(("index", "event", "text"), SENTENCES)
def test_each_kind_of_entry_is_a_sentence(index: int, event: str, text: str) -> None:
    """A line has the time (UTC), the event and the sentence."""
    entry = KILLED_AND_REPLACED[index]
    assert terminal.sentence(entry) == text
    line = terminal.journal_line(entry)
    assert line.startswith("22:00:00.0")
    assert event in line


OTHERS = [
    ("an unknown event has its fields", "started", {"version": "2", "policy": {"a": 1}}, "version=2"),
    (
        "nothing is done",
        "decision",
        {"action": "none", "server": "predictor-1", "reason": "held"},
        "predictor-1: held",
    ),
    (
        "no server",
        "signal",
        {"source": "docker", "kind": "engine_reachable", "server": "", "what": "Docker answers"},
        "Docker answers (docker)",
    ),
    ("first seen", "observation", {"server": "p", "change": {"health": [None, "up"]}}, "p: health up"),
]


@pytest.mark.parametrize(
    ("event", "fields", "text"), [row[1:] for row in OTHERS], ids=[row[0] for row in OTHERS]
)
def test_special_entries_read_as_sentences_too(event: str, fields: dict[str, object], text: str) -> None:
    """A newer controller's events are shown with their simple fields, not hidden."""
    assert terminal.sentence(journal((0, event, fields))[0]) == text


def test_stats_prints_the_table_and_the_address(
    peer: LoopbackController, capsys: pytest.CaptureFixture[str]
) -> None:
    """The page's address is the host's, not the container's."""
    assert stats.run(NOBODY, Settings(controller_url=peer.url, stats_port=9404)) == 0
    output = capsys.readouterr().out
    assert "predictor-3" in output
    assert "http://127.0.0.1:9404/" in output


def test_wait_says_what_comes_next_once_the_system_is_steady(
    peer: LoopbackController, capsys: pytest.CaptureFixture[str]
) -> None:
    """It waits for what is missing, and names it.

    Then come addresses, table, an example and commands.
    """
    steady = peer.state
    peer.state = state(server("predictor-1", health="starting"), steady=False)
    threading.Timer(0.5, lambda: setattr(peer, "state", steady)).start()
    assert wait.run(NOBODY, Settings(controller_url=peer.url, port=9000, wait_s=20)) == 0
    output = capsys.readouterr().out
    assert "Waiting for predictor-1 (starting)" in output
    for text in (
        "http://127.0.0.1:9000/predict",
        ":8404/",
        ":8405/state",
        "predictor-3",
        "curl ",
        "make loadtest",
        "make down",
        "make stats     the table above again",
    ):
        assert text in output
    lines = output.splitlines()
    for heading in ("2-active: steady", "Try", "Next"):
        assert lines[lines.index(heading) - 1] == ""
    assert [line for line in lines if line != line.rstrip()] == []


def test_wait_gives_up_in_time_and_says_who_is_not_healthy_and_where_to_look(
    peer: LoopbackController, capsys: pytest.CaptureFixture[str]
) -> None:
    """The status is 1, the reason is the controller's, the next command is named."""
    sick = replace(server("predictor-1", health="down"), reason="its golden inputs gave other answers")
    peer.state = state(sick, server("predictor-2"), steady=False)
    assert wait.run(NOBODY, Settings(controller_url=peer.url, wait_s=0.3)) == 1
    output = capsys.readouterr().out
    assert "Not ready after 0.3 s" in output
    assert "predictor-1 is down: its golden inputs gave other answers" in output
    assert "make logs SERVICE=predictor-1" in output


def test_wait_for_healthy_servers_that_are_not_in_their_places_says_why(
    peer: LoopbackController, capsys: pytest.CaptureFixture[str]
) -> None:
    """Healthy is not enough: a standby in rotation is not the topology that was asked for."""
    peer.state = state(steady=False, reason="predictor-3 is still in rotation")
    assert wait.run(NOBODY, Settings(controller_url=peer.url, wait_s=0.3)) == 1
    assert "predictor-3 is still in rotation" in capsys.readouterr().out


def test_wait_without_a_controller_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    """No controller within the time is an answer too."""
    assert wait.run(NOBODY, Settings(controller_url="http://127.0.0.1:9", wait_s=0.3)) == 1
    output = capsys.readouterr().out
    assert "does not answer" in output
    assert "make logs SERVICE=controller" in output


def followed(items: queue.Queue[Entry | str], count: int) -> list[Entry | str]:
    return [items.get(timeout=20) for _ in range(count)]


def test_watch_goes_on_over_a_restart_of_the_controller(peer: LoopbackController) -> None:
    """It says that the controller was restarted, and shows the new journal from its start."""
    peer.write(*KILLED_AND_REPLACED[:2])
    items: queue.Queue[Entry | str] = queue.Queue()
    threading.Thread(target=watch.Follower(peer.url, items).run, daemon=True).start()
    assert followed(items, 2) == list(KILLED_AND_REPLACED[:2])
    peer.stop()
    assert "is gone" in str(followed(items, 1)[0])
    with controller(state(), peer.port) as new:
        new.write(*journal((60_000, "started", {"version": "1"})))
        said, entry = followed(items, 2)
        assert said == "the controller was restarted"
        assert isinstance(entry, Entry)
        assert entry.event == "started"


def test_watch_does_not_repeat_what_it_showed_when_only_the_connection_broke(
    peer: LoopbackController,
) -> None:
    """The same journal goes on after the last entry seen."""
    peer.write(*KILLED_AND_REPLACED[:2])
    items: queue.Queue[Entry | str] = queue.Queue()
    threading.Thread(target=watch.Follower(peer.url, items).run, daemon=True).start()
    followed(items, 2)
    peer.stop()
    followed(items, 1)
    with controller(state(), peer.port) as back:
        back.write(*KILLED_AND_REPLACED[:3])
        said, entry = followed(items, 2)
        assert said == "the controller is back"
        assert entry == KILLED_AND_REPLACED[2]
    deadline = time.monotonic() + 5
    while items.empty() and time.monotonic() < deadline:
        time.sleep(0.02)
    assert "is gone" in str(items.get_nowait())
