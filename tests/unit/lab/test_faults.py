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
from lab.faults import cpu_cut
from unit.lab.loopback_docker import LoopbackDocker, docker
from unit.lab.scripted_server import Reply, serving

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


@pytest.fixture
def context(engine: Engine) -> faults.Context:
    return faults.Context(engine)


def eventually(peer: LoopbackDocker, status: str) -> None:
    deadline = time.monotonic() + 20
    while peer.status[FIRST] != status:
        assert time.monotonic() < deadline, f"{FIRST} is still {peer.status[FIRST]}"
        time.sleep(0.02)


def test_a_kill_is_done_once_and_undone_only_where_nobody_else_did(
    peer: LoopbackDocker, context: faults.Context
) -> None:
    """The controller starts the container as a rule; then there is nothing left to undo."""
    kill, given = faults.load("kill"), faults.complete("kill")
    kill.inject(context, "predictor-1", given)
    assert peer.status[FIRST] == "exited"
    assert kill.took_effect(context, "predictor-1", given)
    assert not kill.ended(context, "predictor-1", given)
    kill.undo(context, "predictor-1", given)
    kill.undo(context, "predictor-1", given)
    assert kill.took_effect(context, "predictor-1", given), "it runs again, and was killed all the same"
    assert kill.ended(context, "predictor-1", given)
    assert peer.asked == ["kill", "start"]


def test_an_earlier_death_is_not_taken_for_the_effect_of_a_kill(
    peer: LoopbackDocker, context: faults.Context
) -> None:
    """A kill that does nothing is seen to have done nothing."""
    peer.happened("kill", FIRST)
    peer.happened("start", FIRST)
    time.sleep(0.001)
    peer.deaf_to = frozenset({"kill"})
    kill, given = faults.load("kill"), faults.complete("kill")
    kill.inject(context, "predictor-1", given)
    assert not kill.took_effect(context, "predictor-1", given)


def test_a_server_that_was_told_to_stop_is_let_go_and_started(
    peer: LoopbackDocker, context: faults.Context
) -> None:
    """SIGTERM by `kill` returns at once; the end of the fault waits for the exit."""
    stop, given = faults.load("stop"), faults.complete("stop")
    stop.inject(context, "predictor-1", given)
    assert stop.took_effect(context, "predictor-1", given)
    stop.undo(context, "predictor-1", given)
    assert stop.ended(context, "predictor-1", given)
    assert peer.asked == ["kill", "start"]


PAUSED = faults.complete("pause")


def pause(context: faults.Context) -> None:
    faults.load("pause").inject(context, "predictor-1", PAUSED)


def test_a_pause_ends_with_its_block(peer: LoopbackDocker, context: faults.Context) -> None:
    """The guard leaves without having to act."""
    with faults.lasting("pause", context, "predictor-1"):
        pause(context)
        assert peer.status[FIRST] == "paused"
        assert faults.load("pause").took_effect(context, "predictor-1", PAUSED)
    assert peer.status[FIRST] == "running"
    assert faults.load("pause").ended(context, "predictor-1", PAUSED)
    assert peer.asked == ["pause", "unpause"]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_a_pause_ends_on_errors_and_on_ctrl_c(
    peer: LoopbackDocker, context: faults.Context, error: type[BaseException]
) -> None:
    """Whatever ends the block ends the pause."""

    def strike_and_fail() -> None:
        with faults.lasting("pause", context, "predictor-1"):
            pause(context)
            raise error

    with pytest.raises(error):
        strike_and_fail()
    assert peer.status[FIRST] == "running"
    assert peer.asked == ["pause", "unpause"]


def test_a_pause_ends_after_its_limit_even_if_its_owner_does_nothing(
    peer: LoopbackDocker, context: faults.Context
) -> None:
    """The guard acts by itself, and the owner's own end of it is harmless."""
    with faults.lasting("pause", context, "predictor-1", limit_s=0.2):
        pause(context)
        eventually(peer, "running")
    assert peer.asked == ["pause", "unpause"]


def test_a_watchdog_that_is_refused_at_first_tries_again(
    peer: LoopbackDocker, context: faults.Context
) -> None:
    """Nobody comes after it."""
    peer.deaf_to = frozenset({"unpause"})

    def listen(action: str, _: str) -> None:
        if action == "unpause" and peer.asked.count("unpause") == 2:
            peer.deaf_to = frozenset()

    peer.on_post = listen
    with faults.lasting("pause", context, "predictor-1", limit_s=0.1):
        pause(context)
        eventually(peer, "running")


def test_a_pause_ends_when_its_owner_is_killed(peer: LoopbackDocker) -> None:
    """SIGKILL leaves the owner no time; the guard notices the end of its input."""
    code = f"""
import os, signal
from lab import faults
from lab.engine import Engine
with Engine({peer.url!r}, "lab") as engine:
    context = faults.Context(engine)
    with faults.lasting("pause", context, "predictor-1", limit_s=60):
        faults.load("pause").inject(context, "predictor-1", faults.complete("pause"))
        os.kill(os.getpid(), signal.SIGKILL)
"""
    done = subprocess.run([sys.executable, "-c", code], check=False, env=os.environ, timeout=60)
    assert done.returncode == -9
    eventually(peer, "running")


def test_a_pause_that_does_not_end_is_an_error_that_says_what_to_do(
    peer: LoopbackDocker, context: faults.Context
) -> None:
    """Ending is verified, not assumed."""
    peer.status[FIRST] = "paused"
    peer.deaf_to = frozenset({"unpause"})
    with pytest.raises(UnreachableError, match="still paused") as caught:
        faults.load("pause").undo(context, "predictor-1", PAUSED)
    assert caught.value.remedy == "docker unpause lab-predictor-1-1"


def test_nothing_is_done_if_the_guard_does_not_start(
    peer: LoopbackDocker, context: faults.Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a guard there is no fault."""
    monkeypatch.setattr(sys, "executable", "/bin/true")
    with pytest.raises(LabError, match="did not start"), faults.lasting("pause", context, "predictor-1"):
        pause(context)
    assert peer.asked == []


def test_a_server_that_is_cut_off_comes_back_under_its_names(
    peer: LoopbackDocker, context: faults.Context
) -> None:
    """HAProxy knows it by the service's name, which Docker forgets with the connection."""
    cut, given = faults.load("cut-off"), faults.complete("cut_off")
    cut.inject(context, "predictor-1", given)
    assert cut.took_effect(context, "predictor-1", given)
    assert not cut.ended(context, "predictor-1", given)
    cut.undo(context, "predictor-1", given)
    cut.undo(context, "predictor-1", given)
    assert cut.ended(context, "predictor-1", given)
    assert peer.aliases[FIRST] == [FIRST, "predictor-1"]
    assert peer.asked == ["disconnect", "connect"]


def test_a_server_that_stays_cut_off_is_an_error_with_the_command(
    peer: LoopbackDocker, context: faults.Context
) -> None:
    """A person can do by hand what the tool could not."""
    peer.networks[FIRST] = set()
    peer.deaf_to = frozenset({"connect"})
    with pytest.raises(UnreachableError, match="still off the network serving") as caught:
        faults.load("cut_off").undo(context, "predictor-1", {})
    assert caught.value.remedy == "docker network connect --alias predictor-1 lab_serving lab-predictor-1-1"


def test_a_cpu_quota_is_cut_and_anyone_can_tell_how_it_was(
    peer: LoopbackDocker, context: faults.Context
) -> None:
    """The period says it; who undoes it needs no memory."""
    cut, given = faults.load("cpu_cut"), faults.complete("cpu_cut")
    cut.inject(context, "predictor-1", given)
    assert peer.cpu[FIRST] == {"CpuPeriod": 100_010, "CpuQuota": 3_000}
    assert cut.took_effect(context, "predictor-1", given)
    assert "cut already" in faults.why_not("cpu_cut", context, "predictor-1", given)
    cut.undo(faults.Context(context.engine), "predictor-1", faults.complete("cpu_cut", {"share": 0.5}))
    assert peer.cpu[FIRST] == {"CpuPeriod": 10_000, "CpuQuota": 3_000}
    assert cut.ended(context, "predictor-1", given)
    cut.undo(context, "predictor-1", given)
    assert peer.asked == ["update", "update"]


@pytest.mark.parametrize(
    ("cpu", "share", "reason"),
    [
        ({"CpuPeriod": 0, "CpuQuota": 0}, 0.1, "no CPU quota"),
        ({"CpuPeriod": 12_345, "CpuQuota": 3_000}, 0.1, "no whole number of ms"),
        ({"CpuPeriod": 100_000, "CpuQuota": 30_000}, 0.02, "above the kernel's"),
    ],
)
def test_a_cpu_quota_that_cannot_be_cut_is_not_applicable(
    peer: LoopbackDocker, context: faults.Context, cpu: dict[str, int], share: float, reason: str
) -> None:
    """Nothing is changed."""
    peer.cpu[FIRST] = cpu
    given = faults.complete("cpu_cut", {"share": share})
    assert reason in faults.why_not("cpu_cut", context, "predictor-1", given)
    with pytest.raises(LabError, match=reason):
        faults.load("cpu_cut").inject(context, "predictor-1", given)
    assert peer.asked == []


@pytest.mark.parametrize("period_us", [1000, 10_000, 100_000])
@pytest.mark.parametrize("share", [0.1, 0.3, 0.9])
def test_the_stretched_period_always_tells_the_one_before(period_us: int, share: float) -> None:
    """Its last three digits are the old one's milliseconds."""
    stretched = cpu_cut.cut_us(period_us, share)
    assert cpu_cut.original_us(stretched) == period_us
    assert stretched == pytest.approx(period_us / share, abs=600)
    assert cpu_cut.original_us(period_us) is None


def test_a_restart_goes_on_beside_and_is_waited_for(peer: LoopbackDocker, context: faults.Context) -> None:
    """Docker takes seconds for it; what watches the system is not held up."""
    peer.took_s = 0.3
    restart, given = faults.load("restart"), faults.complete("restart")
    restart.inject(context, "predictor-1", given)
    assert not restart.ended(context, "predictor-1", given)
    restart.undo(context, "predictor-1", given)
    assert restart.took_effect(context, "predictor-1", given)
    assert restart.ended(context, "predictor-1", given)
    assert peer.asked == ["restart"]


def test_a_rolling_restart_never_has_two_servers_down(peer: LoopbackDocker, engine: Engine) -> None:
    """Struck together they queue up, and each waits until the one before is ready."""
    with serving(lambda _number, _path: Reply(body=b"{}")) as server:
        context = faults.Context(engine, predictor_url=server.url)
        rolling, given = faults.load("rolling_restart"), faults.complete("rolling_restart", {"settle_s": 0.2})
        for name in ("predictor-1", "predictor-2"):
            rolling.inject(context, name, given)
        deadline = time.monotonic() + 20
        while not all(rolling.ended(context, name, given) for name in ("predictor-1", "predictor-2")):
            assert time.monotonic() < deadline
            time.sleep(0.02)
        times = [faults.report("rolling_restart", context, name) for name in ("predictor-1", "predictor-2")]
    first, second = sorted(times, key=lambda one: one["drain_at"])
    assert first["drain_at"] <= first["started_at"] <= first["ready_at"]
    assert second["drain_at"] >= first["ready_at"] + 0.2
    assert peer.asked == ["restart", "restart"]


def test_a_rolling_restart_that_is_ended_leaves_out_who_has_not_begun(
    peer: LoopbackDocker, engine: Engine
) -> None:
    """What is begun is finished."""
    peer.took_s = 0.3
    with serving(lambda _number, _path: Reply(body=b"{}")) as server:
        context = faults.Context(engine, predictor_url=server.url)
        rolling, given = faults.load("rolling_restart"), faults.complete("rolling_restart")
        rolling.inject(context, "predictor-1", given)
        deadline = time.monotonic() + 20
        while not rolling.took_effect(context, "predictor-1", given):
            assert time.monotonic() < deadline
            time.sleep(0.01)
        rolling.inject(context, "predictor-2", given)
        rolling.undo(context, "predictor-2", given)
        rolling.undo(context, "predictor-1", given)
        assert not rolling.took_effect(context, "predictor-2", given)
        assert rolling.ended(context, "predictor-1", given)
    assert peer.asked == ["restart"]


def test_docker_refusing_says_what_was_asked_and_why_not(engine: Engine) -> None:
    """An unknown container is named in Docker's own words."""
    with pytest.raises(UnreachableError, match=r"asked to kill predictor-9 and refused: No such container"):
        engine.kill("predictor-9")


def test_docker_out_of_reach_says_where_it_was_expected(monkeypatch: pytest.MonkeyPatch) -> None:
    """The filter may take a moment to start; after that it is an error with the address."""
    monkeypatch.setattr("lab.engine.START_S", 0.2)
    with pytest.raises(UnreachableError, match=r"Docker at http://127\.0\.0\.1:9 was asked its version"):
        Engine("http://127.0.0.1:9", "lab")


REFUSED: list[tuple[dict[str, object], str]] = [
    ({"depth": 1}, "no parameter 'depth'; expected one of: latency_ms, jitter_ms, duration_s"),
    ({"latency_ms": -1}, "latency_ms = -1; expected a number from 0 to 60000 ms"),
    ({"latency_ms": "much"}, "latency_ms = 'much'; expected a number"),
    ({"latency_ms": True}, "latency_ms = True; expected a number"),
    ({"latency_ms": float("nan")}, "latency_ms = nan; expected a number"),
    ({"duration_s": 601}, "duration_s = 601; expected a number from 0.1 to 600 s"),
]


@pytest.mark.parametrize(("given", "words"), REFUSED)
def test_a_parameter_that_makes_no_sense_is_refused(given: dict[str, float], words: str) -> None:
    """The message names fault, parameter, value and expectation."""
    with pytest.raises(LabError) as caught:
        faults.complete("latency", given)
    assert words in caught.value.what


def test_an_unknown_fault_is_named_with_what_comes_close() -> None:
    """A typing error is found before anything starts."""
    with pytest.raises(LabError, match="no fault 'cutof'; expected one of: bad_malformed, ") as caught:
        faults.load("cutof")
    assert "'cut_off' comes close" in caught.value.cause


def test_a_fault_at_a_place_that_it_does_not_know_says_where_it_can_be(context: faults.Context) -> None:
    """Before anything is done."""
    reason = faults.why_not("latency", context, "haproxy", faults.complete("latency"))
    assert reason == "latency cannot be done to haproxy, only to: server"


@pytest.mark.parametrize(
    ("name", "target", "lasts"),
    [
        ("kill", "predictor-1", False),
        ("kill", "haproxy", True),
        ("kill", "controller", True),
        ("crash", "predictor-1", False),
        ("pause", "predictor-1", True),
    ],
)
def test_what_is_killed_beside_a_server_has_to_be_started_again(
    name: str, target: str, *, lasts: bool
) -> None:
    """The controller starts servers only."""
    assert faults.lasts(name, target) is lasts


@pytest.mark.parametrize("name", faults.names())
def test_each_fault_is_complete(name: str) -> None:
    """A fault is a file with the parts that the package's docstring names, all within bounds."""
    fault = faults.load(name)
    assert fault.HELP
    assert fault.DETAIL
    assert fault.LIMIT in faults.LIMITS
    assert isinstance(fault.ENDS, bool)
    assert fault.PLACES
    assert set(fault.PLACES) <= set(faults.PLACES)
    for part in ("inject", "undo", "took_effect", "ended"):
        assert callable(getattr(fault, part)), part
    for parameter in fault.PARAMETERS.values():
        assert parameter.help
        assert not parameter.problem(parameter.default)
    if fault.ENDS and name != "restart":
        assert faults.DURATION in fault.PARAMETERS, "a fault that lasts says how long"
