"""A fault that lasts is ended.

On the way out, on errors, after its limit, after its owner's death.
"""

import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager

import pytest

from lab import faults
from lab.errors import LabError
from lab.faults import guard
from lab.faults.contract import Context
from lab.parts.docker import Engine
from unit.lab.loopback_docker import LoopbackDocker, docker
from unit.lab.loopback_watchdog import watchdog
from unit.paths import PYTHONPATH

FIRST = "lab-predictor-1-1"


@pytest.fixture
def peer() -> Iterator[LoopbackDocker]:
    with docker() as made:
        yield made


@pytest.fixture
def address() -> Iterator[str]:
    with watchdog() as made:
        yield made


@pytest.fixture
def context(peer: LoopbackDocker, address: str) -> Iterator[Context]:
    with Engine(peer.url, "lab") as engine:
        yield Context(engine, watchdog=address)


def pausing(context: Context, limit_s: float | None = None) -> AbstractContextManager[Callable[[], None]]:
    pause = faults.load("pause")
    return pause.lasting(pause.at(context, "predictor-1"), limit_s)


def eventually(peer: LoopbackDocker, status: str) -> None:
    deadline = time.monotonic() + 20
    while peer.status[FIRST] != status:
        assert time.monotonic() < deadline, f"{FIRST} is still {peer.status[FIRST]}"
        time.sleep(0.02)


def test_a_pause_ends_with_its_block(peer: LoopbackDocker, context: Context) -> None:
    """The watchdog has nothing to do."""
    with pausing(context) as inject:
        assert peer.asked == [], "it is the caller who says when"
        inject()
        assert peer.status[FIRST] == "paused"
    assert peer.status[FIRST] == "running"
    time.sleep(0.2)
    assert peer.asked == ["pause", "unpause"]


def test_what_was_not_injected_is_not_undone(peer: LoopbackDocker, context: Context) -> None:
    """Somebody else may have paused it."""
    peer.status[FIRST] = "paused"
    with pausing(context):
        pass
    time.sleep(0.2)
    assert peer.asked == []


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_a_pause_ends_on_errors_and_on_ctrl_c(
    peer: LoopbackDocker, context: Context, error: type[BaseException]
) -> None:
    def strike_and_fail() -> None:
        with pausing(context) as inject:
            inject()
            raise error

    with pytest.raises(error):
        strike_and_fail()
    assert peer.asked == ["pause", "unpause"]


def test_a_pause_ends_after_its_limit_even_if_its_owner_does_nothing(
    peer: LoopbackDocker, context: Context
) -> None:
    """The limit counts from the injection; the owner's own end of it is harmless."""
    with pausing(context, limit_s=0.1) as inject:
        time.sleep(0.2)
        inject()
        assert peer.asked[:1] == ["pause"]
        eventually(peer, "running")
    assert peer.asked == ["pause", "unpause"]


def test_a_watchdog_that_is_refused_at_first_tries_again(peer: LoopbackDocker, context: Context) -> None:
    """Nobody comes after it."""
    peer.deaf_to = frozenset({"unpause"})

    def listen(action: str, _: str) -> None:
        if action == "unpause" and peer.asked.count("unpause") == 2:
            peer.deaf_to = frozenset()

    peer.on_post = listen
    with pausing(context, limit_s=0.1) as inject:
        inject()
        eventually(peer, "running")


def test_a_pause_ends_when_its_owner_is_killed(peer: LoopbackDocker, address: str) -> None:
    """SIGKILL leaves the owner no time; the watchdog sees the end of the connection."""
    code = f"""
import os, signal
from lab import faults
from lab.faults.contract import Context
from lab.parts.docker import Engine
with Engine({peer.url!r}, "lab") as engine:
    context = Context(engine, watchdog={address!r})
    pause = faults.load("pause")
    with pause.lasting(pause.at(context, "predictor-1"), limit_s=60) as inject:
        inject()
        os.kill(os.getpid(), signal.SIGKILL)
"""
    known = {**os.environ, "PYTHONPATH": PYTHONPATH}
    done = subprocess.run([sys.executable, "-c", code], check=False, env=known, timeout=60)
    assert done.returncode == -9
    eventually(peer, "running")


def test_nothing_is_done_without_a_watchdog(
    peer: LoopbackDocker, context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(guard, "START_S", 0.2)
    nowhere = Context(context.engine, watchdog="127.0.0.1:9")
    with pytest.raises(LabError, match="does not guard"), pausing(nowhere):
        pytest.fail("the block was entered")
    assert peer.asked == []


def test_a_watchdog_that_is_gone_by_then_is_noticed_before_anything_is_done(peer: LoopbackDocker) -> None:
    """A server that closes the connection once it was ready, as a killed container does."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def say_ready_and_leave() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(10_000)
                connection.sendall(b"ready\n")

        leaving = threading.Thread(target=say_ready_and_leave)
        leaving.start()
        address = f"127.0.0.1:{server.getsockname()[1]}"
        with (
            Engine(peer.url, "lab") as engine,
            pausing(Context(engine, watchdog=address)) as inject,
        ):
            leaving.join()
            time.sleep(0.1)
            with pytest.raises(LabError, match="nothing was done"):
                inject()
    assert peer.asked == []
