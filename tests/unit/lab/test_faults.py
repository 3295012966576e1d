"""A fault that lasts is ended, and its end verified: on the way out, on errors, after its owner's death."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab import faults
from lab.engine import Engine
from lab.errors import LabError, UnreachableError
from unit.lab.loopback_docker import LoopbackDocker, docker

SOURCES = Path(__file__).resolve().parents[3] / "services" / "lab" / "src"
FIRST = "lab-predictor-1-1"


@pytest.fixture
def peer(monkeypatch: pytest.MonkeyPatch) -> Iterator[LoopbackDocker]:
    monkeypatch.setenv("PYTHONPATH", str(SOURCES))
    with docker() as made:
        yield made


@pytest.fixture
def engine(peer: LoopbackDocker) -> Iterator[Engine]:
    with Engine(peer.url, "lab") as made:
        yield made


def eventually(peer: LoopbackDocker, status: str) -> None:
    deadline = time.monotonic() + 20
    while peer.status[FIRST] != status:
        assert time.monotonic() < deadline, f"{FIRST} is still {peer.status[FIRST]}"
        time.sleep(0.02)


def test_a_kill_is_done_once_and_undone_only_where_nobody_else_did(
    peer: LoopbackDocker, engine: Engine
) -> None:
    """The controller starts the container as a rule; then there is nothing left to undo."""
    kill = faults.load("kill")
    kill.inject(engine, "predictor-1")
    assert peer.status[FIRST] == "exited"
    kill.undo(engine, "predictor-1")
    kill.undo(engine, "predictor-1")
    assert peer.asked == ["kill", "start"]


def test_a_pause_ends_with_its_block(peer: LoopbackDocker, engine: Engine) -> None:
    """The guard leaves without having to act."""
    with faults.lasting("pause", engine, "predictor-1", 30):
        faults.load("pause").inject(engine, "predictor-1")
        assert peer.status[FIRST] == "paused"
    assert peer.status[FIRST] == "running"
    assert peer.asked == ["pause", "unpause"]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_a_pause_ends_on_errors_and_on_ctrl_c(
    peer: LoopbackDocker, engine: Engine, error: type[BaseException]
) -> None:
    """Whatever ends the block ends the pause."""

    def strike_and_fail() -> None:
        with faults.lasting("pause", engine, "predictor-1", 30):
            faults.load("pause").inject(engine, "predictor-1")
            raise error

    with pytest.raises(error):
        strike_and_fail()
    assert peer.status[FIRST] == "running"


def test_a_pause_ends_after_its_limit_even_if_its_owner_does_nothing(
    peer: LoopbackDocker, engine: Engine
) -> None:
    """The guard acts by itself, and the owner's own end of it is harmless."""
    with faults.lasting("pause", engine, "predictor-1", 0.2):
        faults.load("pause").inject(engine, "predictor-1")
        eventually(peer, "running")
    assert peer.asked == ["pause", "unpause"]


def test_a_pause_ends_when_its_owner_is_killed(peer: LoopbackDocker) -> None:
    """SIGKILL leaves the owner no time; the guard notices the end of its input."""
    code = f"""
import os, signal
from lab import faults
from lab.engine import Engine
with Engine({peer.url!r}, "lab") as engine, faults.lasting("pause", engine, "predictor-1", 60):
    faults.load("pause").inject(engine, "predictor-1")
    os.kill(os.getpid(), signal.SIGKILL)
"""
    done = subprocess.run([sys.executable, "-c", code], check=False, env=os.environ, timeout=60)
    assert done.returncode == -9
    eventually(peer, "running")


def test_a_pause_that_does_not_end_is_an_error_that_says_what_to_do(
    peer: LoopbackDocker, engine: Engine
) -> None:
    """Ending is verified, not assumed."""
    peer.status[FIRST] = "paused"
    peer.deaf_to = frozenset({"unpause"})
    with pytest.raises(UnreachableError, match="still paused") as caught:
        faults.load("pause").undo(engine, "predictor-1")
    assert caught.value.remedy == "docker unpause lab-predictor-1-1"


def test_nothing_is_done_if_the_guard_does_not_start(
    peer: LoopbackDocker, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a guard there is no fault."""
    monkeypatch.setattr(sys, "executable", "/bin/true")
    with pytest.raises(LabError, match="did not start"), faults.lasting("pause", engine, "predictor-1", 5):
        faults.load("pause").inject(engine, "predictor-1")
    assert peer.asked == []


def test_docker_refusing_says_what_was_asked_and_why_not(engine: Engine) -> None:
    """An unknown container is named in Docker's own words."""
    with pytest.raises(UnreachableError, match=r"asked to kill predictor-9 and refused: No such container"):
        engine.kill("predictor-9")


def test_docker_out_of_reach_says_where_it_was_expected(monkeypatch: pytest.MonkeyPatch) -> None:
    """The filter may take a moment to start; after that it is an error with the address."""
    monkeypatch.setattr("lab.engine.START_S", 0.2)
    with pytest.raises(UnreachableError, match=r"Docker at http://127\.0\.0\.1:9 was asked its version"):
        Engine("http://127.0.0.1:9", "lab")
