"""Each fault takes effect and ends, as verified; a process without memory can undo it."""

import itertools
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from lab import faults
from lab.errors import LabError, UnreachableError
from lab.faults import container, kinds
from lab.faults.contract import DURATION, LIMITS, PLACES, Context, Fault, Injection, Work
from lab.faults.kinds import cpu_cut, rolling_restart
from lab.faults.predictor import Switch
from lab.faults.work import WorkFault
from lab.parts.docker import Engine
from unit.lab.loopback_docker import LoopbackDocker, docker
from unit.lab.loopback_watchdog import watchdog
from unit.lab.scripted_server import Reply, serving
from unit.paths import PYTHONPATH

FIRST = "lab-predictor-1-1"


@pytest.fixture
def peer() -> Iterator[LoopbackDocker]:
    with docker() as made:
        yield made


@pytest.fixture
def engine(peer: LoopbackDocker) -> Iterator[Engine]:
    with Engine(peer.url, "lab") as made:
        yield made


@pytest.fixture
def context(engine: Engine) -> Context:
    return Context(engine)


def until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def undo(name: str, context: Context) -> None:
    """Undo a fault as the watchdog does: without having injected it."""
    fault = faults.load(name)
    fault.undo(fault.at(context, "predictor-1"))


class Health:
    """A predictor that says ready, or unready from SIGTERM to its next start.

    It exits when it was asked often enough in between: whoever asks meets a server that drains, and
    its end.
    """

    def __init__(self, peer: LoopbackDocker, *, looks: int = 3) -> None:
        self.peer = peer
        self.looks = looks
        self.draining = False
        peer.drains = True
        peer.on_post = self.listen

    def listen(self, action: str, _: str) -> None:
        self.draining = action == "kill"

    def __call__(self, _number: int, _path: str) -> Reply:
        if self.draining:
            self.looks -= 1
            if not self.looks:
                self.peer.happened("exit", FIRST)
        return Reply(503 if self.draining else 200, body=b"{}")


def test_a_kill_is_done_once_and_undone_only_where_nobody_else_did(
    peer: LoopbackDocker, context: Context
) -> None:
    """The controller starts the container as a rule; then there is nothing left to undo."""
    kill = faults.load("kill")
    injection = kill.at(context, "predictor-1")
    kill.inject(injection)
    assert peer.status[FIRST] == "exited"
    assert kill.took_effect(injection)
    assert not kill.ended(injection)
    kill.undo(injection)
    kill.undo(injection)
    assert kill.took_effect(injection), "it runs again, and was killed all the same"
    assert kill.ended(injection)
    assert peer.asked == ["kill", "start"]


def test_an_earlier_death_is_not_taken_for_the_effect_of_a_kill(
    peer: LoopbackDocker, context: Context
) -> None:
    """A kill that does nothing is seen to have done nothing."""
    peer.happened("kill", FIRST)
    peer.happened("start", FIRST)
    time.sleep(0.001)
    peer.deaf_to = frozenset({"kill"})
    kill = faults.load("kill")
    injection = kill.at(context, "predictor-1")
    kill.inject(injection)
    assert not kill.took_effect(injection)


def test_a_server_that_was_told_to_stop_is_let_go_and_started(peer: LoopbackDocker, context: Context) -> None:
    """SIGTERM by `kill` returns at once; the end of the fault waits for the exit."""
    stop = faults.load("stop")
    injection = stop.at(context, "predictor-1")
    stop.inject(injection)
    assert stop.took_effect(injection)
    stop.undo(injection)
    assert stop.ended(injection)
    assert peer.asked == ["kill", "start"]


def test_a_server_that_drains_is_started_by_who_remembers_nothing(
    peer: LoopbackDocker, engine: Engine
) -> None:
    """It runs when the watchdog looks, and exits only then: readiness tells."""
    stop = faults.load("stop")
    with serving(Health(peer)) as server:
        context = Context(engine, predictor_url=server.url)
        stop.inject(stop.at(context, "predictor-1"))
        assert peer.status[FIRST] == "running"
        undo("stop", context)
    assert peer.status[FIRST] == "running"
    assert peer.asked == ["kill", "start"]


def test_a_server_whose_owner_dies_while_it_drains_is_started_by_the_watchdog(peer: LoopbackDocker) -> None:
    """SIGKILL leaves the owner no time."""
    with serving(Health(peer)) as server, watchdog() as address:
        code = f"""
import os, signal
from lab import faults
from lab.faults.contract import Context
from lab.parts.docker import Engine
with Engine({peer.url!r}, "lab") as engine:
    context = Context(engine, predictor_url={server.url!r}, watchdog={address!r})
    stop = faults.load("stop")
    with stop.lasting(stop.at(context, "predictor-1"), limit_s=60) as inject:
        inject()
        os.kill(os.getpid(), signal.SIGKILL)
"""
        known = {**os.environ, "PYTHONPATH": PYTHONPATH}
        done = subprocess.run([sys.executable, "-c", code], check=False, env=known, timeout=60)
        assert done.returncode == -9
        until(lambda: peer.status[FIRST] == "exited" or "start" in peer.asked)
        until(lambda: peer.status[FIRST] == "running")
    assert peer.asked == ["kill", "start"]


def test_a_server_that_was_told_nothing_is_left_alone(
    peer: LoopbackDocker, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The owner may have died before it said anything."""
    monkeypatch.setattr(container, "NOTICE_S", 0.3)
    with serving(Health(peer)) as server:
        context = Context(engine, predictor_url=server.url)
        for name in ("stop", "restart", "rolling_restart"):
            undo(name, context)
    assert peer.asked == []


def test_a_server_that_neither_exits_nor_serves_is_restarted(
    peer: LoopbackDocker, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Docker's restart ends in SIGKILL."""
    monkeypatch.setattr(container, "STOP_LIMIT_S", 0.5)
    with serving(lambda _number, _path: Reply(503)) as server:
        context = Context(engine, predictor_url=server.url)
        undo("stop", context)
    assert peer.asked == ["restart"]


@pytest.mark.parametrize("name", ["restart", "rolling_restart"])
def test_a_restart_that_is_half_done_is_completed_by_who_remembers_nothing(
    peer: LoopbackDocker, engine: Engine, name: str
) -> None:
    """Docker stops the server when the watchdog looks, and nobody is left to start it."""
    with serving(lambda _number, _path: Reply(503)) as server:
        context = Context(engine, predictor_url=server.url)
        threading.Timer(0.3, peer.happened, ("exit", FIRST)).start()
        undo(name, context)
    assert peer.status[FIRST] == "running"
    assert peer.asked == ["start"]


@pytest.mark.parametrize("name", ["crash", "crash_loop", "kill"])
def test_a_container_in_a_long_pause_of_dockers_is_restarted(
    peer: LoopbackDocker, context: Context, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """The pause grows to 60 s; `start` would count it as running."""
    monkeypatch.setattr(container, "BRIEF_S", 0.1)
    peer.happened("crash", FIRST)
    fault = faults.load(name)
    injection = fault.at(context, "predictor-1")
    assert fault.took_effect(injection)
    assert not fault.ended(injection)
    fault.undo(injection)
    assert fault.ended(injection)
    assert peer.asked == ["restart"]


def test_a_container_in_a_short_pause_of_dockers_is_left_to_docker(
    peer: LoopbackDocker, context: Context
) -> None:
    peer.happened("crash", FIRST)
    threading.Timer(0.2, peer.happened, ("start", FIRST)).start()
    undo("crash", context)
    assert peer.asked == []


def test_a_pause_that_does_not_end_is_an_error_that_says_what_to_do(
    peer: LoopbackDocker, context: Context
) -> None:
    """Ending is verified, not assumed."""
    peer.status[FIRST] = "paused"
    peer.deaf_to = frozenset({"unpause"})
    with pytest.raises(UnreachableError, match="still paused") as caught:
        undo("pause", context)
    assert caught.value.remedy == "docker unpause lab-predictor-1-1"


def test_a_server_that_is_cut_off_comes_back_under_its_names(peer: LoopbackDocker, context: Context) -> None:
    """HAProxy knows it by the service's name, which Docker forgets with the connection."""
    cut = faults.load("cut-off")
    injection = cut.at(context, "predictor-1")
    cut.inject(injection)
    assert cut.took_effect(injection)
    assert not cut.ended(injection)
    cut.undo(injection)
    cut.undo(injection)
    assert cut.ended(injection)
    assert peer.aliases[FIRST] == [FIRST, "predictor-1"]
    assert peer.asked == ["disconnect", "connect"]


def test_two_who_connect_a_server_at_once_are_both_content(peer: LoopbackDocker, context: Context) -> None:
    """The watchdog's limit may come while the owner is at it; Docker refuses to connect twice."""
    peer.networks[FIRST] = set()
    peer.refuses["connect"] = lambda: peer.networks[FIRST].add("lab_serving")
    undo("cut_off", context)
    assert peer.asked == ["connect"]


def test_a_server_that_stays_cut_off_is_an_error_with_the_command(
    peer: LoopbackDocker, context: Context
) -> None:
    """A person can do by hand what the tool could not."""
    peer.networks[FIRST] = set()
    peer.deaf_to = frozenset({"connect"})
    with pytest.raises(UnreachableError, match="still off the network serving") as caught:
        undo("cut_off", context)
    assert caught.value.remedy == "docker network connect --alias predictor-1 lab_serving lab-predictor-1-1"


def test_a_cpu_quota_is_cut_and_anyone_can_tell_how_it_was(peer: LoopbackDocker, context: Context) -> None:
    """The period says it; who undoes it needs no memory."""
    cut = faults.load("cpu_cut")
    injection = cut.at(context, "predictor-1")
    cut.inject(injection)
    assert peer.cpu[FIRST] == {"CpuPeriod": 300_010, "CpuQuota": 3_000}
    assert cut.took_effect(injection)
    assert "cut already" in cut.why_not(injection)
    cut.undo(cut.at(context, "predictor-1", {"share": 0.5}))
    assert peer.cpu[FIRST] == {"CpuPeriod": 10_000, "CpuQuota": 3_000}
    assert cut.ended(injection)
    cut.undo(injection)
    assert peer.asked == ["update", "update"]


@pytest.mark.parametrize(
    ("cpu", "share", "reason"),
    [
        ({"CpuPeriod": 0, "CpuQuota": 3_000}, 0.1, "no period of its own"),
        ({"CpuPeriod": 12_345, "CpuQuota": 3_000}, 0.1, "not a whole number of ms"),
        ({"CpuPeriod": 100_000, "CpuQuota": 30_000}, 0.02, "above the kernel's"),
        ({"CpuPeriod": 100_000, "CpuQuota": 30_000}, 0.3, "no more than 0.3 of a core"),
    ],
)
def test_a_cpu_quota_that_cannot_be_cut_is_not_applicable(
    peer: LoopbackDocker, context: Context, cpu: dict[str, int], share: float, reason: str
) -> None:
    """Nothing is changed."""
    peer.cpu[FIRST] = cpu
    cut = faults.load("cpu_cut")
    injection = cut.at(context, "predictor-1", {"share": share})
    assert reason in cut.why_not(injection)
    with pytest.raises(LabError, match=reason):
        cut.inject(injection)
    assert peer.asked == []


@pytest.mark.parametrize("period_us", [1000, 10_000, 100_000])
@pytest.mark.parametrize("share", [0.01, 0.02, 0.3])
def test_the_stretched_period_always_tells_the_one_before(period_us: int, share: float) -> None:
    """Its last three digits are the old one's milliseconds."""
    quota_us, stretched_us = cpu_cut.cut((3000, period_us), share)
    assert quota_us == 3000
    assert stretched_us == pytest.approx(3000 / share, abs=600)
    assert cpu_cut.before((quota_us, stretched_us)) == (3000, period_us)
    assert cpu_cut.before((3000, period_us)) is None


@pytest.mark.parametrize("none", [{"CpuPeriod": 0, "CpuQuota": 0}, {"CpuPeriod": 100_000, "CpuQuota": -1}])
def test_a_server_without_a_quota_gets_one_and_loses_it_again(
    peer: LoopbackDocker, context: Context, none: dict[str, int]
) -> None:
    """A share of one core; the second one is what Docker says after the first cut was undone."""
    peer.cpu[FIRST] = none
    cut = faults.load("cpu_cut")
    injection = cut.at(context, "predictor-1", {"share": 0.05})
    assert cut.why_not(injection) == ""
    assert cut.ended(injection)
    cut.inject(injection)
    assert peer.cpu[FIRST] == {"CpuPeriod": 40_999, "CpuQuota": 2_000}
    assert cut.took_effect(injection)
    cut.undo(cut.at(context, "predictor-1"))
    assert peer.cpu[FIRST] == {"CpuPeriod": 100_000, "CpuQuota": -1}
    assert cut.ended(injection)


def test_a_restart_goes_on_beside_and_is_waited_for(peer: LoopbackDocker, context: Context) -> None:
    """Docker takes seconds for it; what watches the system is not held up."""
    peer.answers.clear()
    restart = faults.load("restart")
    injection = restart.at(context, "predictor-1")
    restart.inject(injection)
    until(lambda: peer.asked == ["restart"])
    assert not restart.ended(injection)
    peer.answers.set()
    restart.undo(injection)
    assert restart.took_effect(injection)
    assert restart.ended(injection)
    assert peer.asked == ["restart"]


@pytest.mark.parametrize("apart", [False, True], ids=["one context", "a context each"])
def test_a_rolling_restart_goes_by_name_and_never_has_two_servers_down(
    peer: LoopbackDocker, engine: Engine, monkeypatch: pytest.MonkeyPatch, *, apart: bool
) -> None:
    """Struck together, in whatever order, they queue up.

    Each waits until the one before is ready.
    """
    peer.took_s = 0.05
    order = ["predictor-10", "predictor-3", "predictor-2"]
    peer.add("lab-predictor-10-1")
    restarted: list[str] = []
    peer.on_post = lambda _action, name: restarted.append(name)
    with serving(lambda _number, _path: Reply(body=b"{}")) as server:
        shared = Context(engine, predictor_url=server.url)
        rolling = faults.load("rolling_restart")
        injections = [
            rolling.at(
                Context(engine, predictor_url=server.url) if apart else shared, name, {"settle_s": 0.2}
            )
            for name in order
        ]
        together(monkeypatch, rolling, injections)
        until(lambda: all(map(rolling.ended, injections)))
        assert all(map(rolling.took_effect, injections))
        times = [rolling.report(injection) for injection in reversed(injections)]
    assert restarted == ["lab-predictor-2-1", "lab-predictor-3-1", "lab-predictor-10-1"]
    for one, following in itertools.pairwise(times):
        assert one["drain_at"] <= one["started_at"] <= one["ready_at"]
        assert following["drain_at"] >= one["ready_at"] + 0.2


def together(monkeypatch: pytest.MonkeyPatch, rolling: Fault, injections: Sequence[Injection]) -> None:
    """Inject; the first turn comes only when all have queued up, however long that takes."""
    monkeypatch.setattr(rolling_restart, "GATHER_S", 3600)
    for injection in injections:
        rolling.inject(injection)
    queue = rolling_restart._queue(injections[0])
    until(lambda: len(queue._waiting) == len(injections))
    assert not any(map(rolling.took_effect, injections))
    monkeypatch.setattr(rolling_restart, "GATHER_S", 0)


def test_after_a_server_that_does_not_come_back_none_is_restarted(
    peer: LoopbackDocker, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All say why, at once; a later work begins anew."""
    replies = {"status": 503}
    with serving(lambda _number, _path: Reply(replies["status"], body=b"{}")) as server:
        context = Context(engine, predictor_url=server.url)
        rolling = faults.load("rolling_restart")
        first, second, third = injections = [
            rolling.at(context, name, {"ready_s": 1, "settle_s": 0})
            for name in ("predictor-1", "predictor-2", "predictor-3")
        ]
        together(monkeypatch, rolling, injections)
        until(lambda: all(map(rolling.failed, injections)))
        why = "predictor-1 is not ready 1 s after its restart"
        assert [rolling.failed(injection) for injection in injections] == [
            why,
            f"predictor-2 was left out: {why}",
            f"predictor-3 was left out: {why}",
        ]
        assert not rolling.took_effect(second)
        with pytest.raises(LabError, match="is not ready"):
            rolling.undo(first)
        rolling.undo(first)
        assert peer.asked == ["restart"]
        replies["status"] = 200
        rolling.inject(third)
        until(lambda: rolling.ended(third))
    assert peer.asked == ["restart", "restart"]


def test_whoever_ends_the_work_on_one_server_ends_the_turns(
    peer: LoopbackDocker, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The one that is restarted may not be in rotation yet."""
    with serving(lambda _number, _path: Reply(body=b"{}")) as server:
        context = Context(engine, predictor_url=server.url)
        rolling = faults.load("rolling_restart")
        first, second = injections = [
            rolling.at(context, name, {"settle_s": 60}) for name in ("predictor-1", "predictor-2")
        ]
        together(monkeypatch, rolling, injections)
        until(lambda: "ready_at" in rolling.report(first))
        rolling.undo(first)
        time.sleep(0.3)  # predictor-2 asks for its turn a few times
        rolling.undo(second)
        assert not rolling.took_effect(second)
    assert peer.asked == ["restart"]


def test_a_restart_that_docker_refuses_says_so_and_the_server_is_seen_to_run(
    peer: LoopbackDocker, context: Context
) -> None:
    """The reason is there before anybody undoes it, and is raised once."""
    peer.refuses["restart"] = lambda: peer.happened("exit", FIRST)
    restart = faults.load("restart")
    injection = restart.at(context, "predictor-1")
    restart.inject(injection)
    until(lambda: "refused" in restart.failed(injection))
    assert not restart.ended(injection)
    with pytest.raises(UnreachableError, match="asked to restart predictor-1 and refused"):
        restart.undo(injection)
    assert peer.status[FIRST] == "running"
    restart.undo(injection)
    assert restart.ended(injection)


def test_a_defect_of_the_work_is_no_good_end(context: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is no LabError is reported too, and shown as what it is."""

    class Broken(WorkFault):
        def do(self, injection: Injection, work: Work) -> None:  # noqa: ARG002
            raise ZeroDivisionError

    shown: list[type[BaseException]] = []
    monkeypatch.setattr(threading, "excepthook", lambda what: shown.append(what.exc_type))
    broken = Broken("nothing")
    injection = broken.at(context, "predictor-1")
    broken.inject(injection)
    until(lambda: bool(shown))
    assert broken.failed(injection) == "the work on predictor-1 failed: ZeroDivisionError()"
    assert not broken.ended(injection)


def test_the_same_work_is_not_begun_twice_at_once(peer: LoopbackDocker, context: Context) -> None:
    """Two strokes of a scenario may overlap; a server is not restarted while it restarts."""
    peer.answers.clear()
    restart = faults.load("restart")
    first, second = restart.at(context, "predictor-1"), restart.at(context, "predictor-1")
    restart.inject(first)
    with pytest.raises(LabError, match="the fault restart of predictor-1 is in force already"):
        restart.inject(second)
    peer.answers.set()
    restart.undo(first)
    restart.inject(second)
    restart.undo(second)
    assert peer.asked == ["restart", "restart"]


def test_a_rolling_restart_that_is_ended_leaves_out_who_has_not_begun(
    peer: LoopbackDocker, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is begun is finished."""
    with serving(lambda _number, _path: Reply(body=b"{}")) as server:
        context = Context(engine, predictor_url=server.url)
        rolling = faults.load("rolling_restart")
        first, second = (rolling.at(context, name) for name in ("predictor-1", "predictor-2"))
        peer.answers.clear()
        together(monkeypatch, rolling, [first])
        until(lambda: peer.asked == ["restart"])
        rolling.inject(second)
        rolling.undo(second)
        peer.answers.set()
        rolling.undo(first)
        assert not rolling.took_effect(second)
        assert rolling.took_effect(first)
        assert rolling.ended(first)
    assert peer.asked == ["restart"]


def test_docker_refusing_says_what_was_asked_and_why_not(engine: Engine) -> None:
    """An unknown container is named in Docker's own words."""
    with pytest.raises(UnreachableError, match=r"asked to kill predictor-9 and refused: No such container"):
        engine.kill("predictor-9")


def test_docker_out_of_reach_says_where_it_was_expected(monkeypatch: pytest.MonkeyPatch) -> None:
    """The filter may take a moment to start; after that it is an error with the address."""
    monkeypatch.setattr("lab.parts.docker.START_S", 0.2)
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
        faults.load("latency").complete(given)
    assert words in caught.value.what


def test_an_unknown_fault_is_named_with_what_comes_close() -> None:
    """A typing error is found before anything starts."""
    with pytest.raises(LabError, match="no fault 'cutof'; expected one of: bad_malformed, ") as caught:
        faults.load("cutof")
    assert "'cut_off' comes close" in caught.value.cause


def test_a_fault_at_a_place_that_it_does_not_know_says_where_it_can_be(context: Context) -> None:
    """Before anything is done."""
    latency = faults.load("latency")
    reason = latency.why_not(latency.at(context, "haproxy"))
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
    assert faults.load(name).lasts(target) is lasts


@pytest.mark.parametrize("name", faults.names())
def test_each_fault_is_complete(name: str) -> None:
    """Its file says what it does, its instance where, who ends it and for how long.

    All within bounds.
    """
    fault = faults.load(name)
    assert fault.name == name
    assert sys.modules[f"lab.faults.kinds.{name}"].__doc__
    assert fault.detail
    assert fault.limit in LIMITS
    assert fault.places
    assert set(fault.places) <= set(PLACES)
    for parameter in fault.parameters.values():
        assert parameter.help
        assert not parameter.problem(parameter.default)
    if fault.ends and name != "restart":
        assert DURATION in fault.parameters, "a fault that lasts says how long"


SWITCHES = [name for name in faults.names() if type(faults.load(name)) is Switch]


@pytest.mark.parametrize("name", SWITCHES)
def test_a_switch_of_the_predictor_is_under_ten_lines(name: str) -> None:
    """It says what it is and no more."""
    text = Path(sys.modules[f"lab.faults.kinds.{name}"].__file__ or "").read_text(encoding="utf-8")
    assert len(text.splitlines()) < 10


def test_a_file_without_a_fault_is_an_error_that_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """FAULT may be anything; it is looked at before it is used."""
    (tmp_path / "not_yet.py").write_text("FAULT = None\n", encoding="utf-8")
    monkeypatch.setattr(kinds, "__path__", [*kinds.__path__, str(tmp_path)])
    with pytest.raises(LabError, match=r"kinds/not_yet\.py is no Fault"):
        faults.load("not_yet")
