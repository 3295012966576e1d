"""The pure parts of the benchmark: figures from rows and journals; and that a run says what it cannot do."""

import argparse
import itertools
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from lab import bench
from lab.bench import Bench, Figure, below, first_failure, goodput_per_s, kills, overload, strikes
from lab.bench.strikes import Strike, lost, promoted, slowest_above_p99_ms
from lab.commands import bench as command
from lab.controller_client import Entry
from lab.errors import LabError
from lab.faults import complete, kill
from lab.records import ERROR, LATE, NONE, REFUSED, Request
from lab.settings import Settings
from unit.lab.journal_entries import KILLED_AND_REPLACED, T0, state
from unit.lab.loopback_controller import controller
from unit.lab.loopback_docker import docker
from unit.lab.scripted_server import Reply, serving

LOCUSTFILE = Path(__file__).parents[3] / "locust" / "locustfile.py"
NUMBERS = itertools.count()


def request(at_s: float, latency_ms: float = 20.0, failure: str = NONE) -> Request:
    """Make a request that was due `at_s` after T0."""
    due_s = T0 + at_s
    status = {NONE: 200, LATE: 200, REFUSED: 429, ERROR: 500}[failure]
    return Request(
        f"id-{next(NUMBERS)}", due_s, due_s, latency_ms, latency_ms, status, "p", "", 0, 0.5, failure
    )


def strike(at_s: float, promoted_s: float | None = None) -> Strike:
    return Strike("predictor-1", T0 + at_s, promoted_s)


BOUNDS = [
    ("the median of an odd number", 10, [1, 9, 30], "median", 9, True),
    ("the median of an even number", 10, [1, 9, 11, 30], "median", 10, False),
    ("a value at the bound is not below it", 10, [10], "median", 10, False),
    ("the maximum", 10, [1, 9, 10.5], "maximum", 10.5, False),
    ("a bound of 0 is to be met", 0, [0, 0], "sum", 0, True),
    ("a sum above 0", 0, [0, 2], "sum", 2, False),
]


@pytest.mark.parametrize(
    ("bound", "values", "of", "result", "reached"),
    [row[1:] for row in BOUNDS],
    ids=[row[0] for row in BOUNDS],
)
def test_a_figure_is_held_against_its_bound(
    bound: float, values: list[float], of: str, result: float, reached: bool
) -> None:
    figure = below("what", bound, "ms", values, of)
    assert (figure.result, figure.reached) == (result, reached)
    assert figure.values == tuple(values)
    assert figure.to_reach == ("0" if of == "sum" else f"{of} under {bound} ms")


def test_goodput_counts_predictions_in_time_of_the_requests_due_in_the_span() -> None:
    """By when they were due, the end excluded; refusals, errors and late replies are none."""
    rows = [request(-0.1), request(0), request(1), request(1.9), request(2)]
    rows += [request(1, failure=failure) for failure in (REFUSED, ERROR, LATE)]
    assert goodput_per_s(rows, T0, T0 + 2) == pytest.approx(1.5)


def test_lost_is_what_got_no_prediction() -> None:
    """A late reply is a reply."""
    rows = [request(0, failure=failure) for failure in (NONE, REFUSED, ERROR, LATE)]
    assert [row.failure for row in lost(rows)] == [REFUSED, ERROR]


def test_the_standby_is_in_rotation_when_haproxy_had_accepted_it() -> None:
    """The time of the action, not of the observation that showed it; None without such an observation."""
    at = promoted(KILLED_AND_REPLACED)
    assert at == pytest.approx(T0 + 0.0201, abs=1e-5)
    assert promoted([entry for entry in KILLED_AND_REPLACED if entry.event != "confirmed"]) is None
    assert promoted(()) is None


def test_the_slowest_of_a_strike_is_taken_above_the_usual_p99() -> None:
    """Usual are the seconds before the strike; what was in progress at the strike counts to its second."""
    usual = [request(-2.5 + number / 100, 10) for number in range(200)]
    longest_before = request(-4, 900)
    in_progress = request(-0.02, 45)
    rows = [*usual, longest_before, in_progress, request(0.5, 30), request(1.5, 500)]
    assert slowest_above_p99_ms([strike(0)], rows) == [pytest.approx(35)]


def test_each_strike_has_its_own_slowest_and_all_share_the_usual() -> None:
    """A strike without a request around it has none: nothing was slow."""
    rows = [request(-1, 10), request(0.1, 60), request(9, 12), request(10.1, 22)]
    assert slowest_above_p99_ms([strike(0), strike(10), strike(30)], rows) == [
        pytest.approx(48),
        pytest.approx(10),
        pytest.approx(-12),
    ]


def spike_rows(slow_until_s: float, failure: str = NONE) -> list[Request]:
    """Return 12 s of usual latency (20 ms), a spike of 15 s, then slow requests for a while, then usual."""
    rows = [request(number / 20) for number in range(240)]
    rows += [request(12 + number / 20, 700) for number in range(300)]
    after = [27 + number / 20 for number in range(240)]
    return rows + [request(at, 200, failure) if at < 27 + slow_until_s else request(at) for at in after]


RECOVERIES = [
    ("at once", spike_rows(0), 0.0),
    ("after one second", spike_rows(1.0), 1.0),
    ("failures in time count as well", spike_rows(1.0, REFUSED), 1.0),
    ("never, in the time observed", spike_rows(12.0), overload.CALM_S),
]


@pytest.mark.parametrize(
    ("rows", "took_s"), [row[1:] for row in RECOVERIES], ids=[row[0] for row in RECOVERIES]
)
def test_an_overload_is_over_with_the_first_half_second_that_is_as_before(
    rows: list[Request], took_s: float
) -> None:
    assert overload.recovery_s(rows, T0 + 12, T0 + 27) == pytest.approx(took_s, abs=0.101)


def test_one_slow_request_of_many_does_not_put_the_recovery_off() -> None:
    """The p95 of the half second is held against the p99 of before, not its slowest request."""
    rows = spike_rows(0)
    rows += [request(27 + number / 100) for number in range(50)]
    rows.append(request(27.2, 300))
    assert overload.recovery_s(rows, T0 + 12, T0 + 27) == 0


def test_figures_are_read_back_as_they_were_saved_in_the_order_of_measuring(tmp_path: Path) -> None:
    """What is no list of figures, such as the capacity, is passed over."""
    later, earlier = Figure("b", "0", "", 0, True, (0.0,)), below("a", 10, "ms", [1, 2, 30])
    noted = Figure("c", "at least 5", "requests/s", 4, False, (4.0,), "the generator fell behind")
    bench.save(tmp_path, "z", [earlier])
    (tmp_path / bench.CAPACITY).write_text('{"per_server_per_s": 50, "best_per_s": 100}')
    bench.save(tmp_path, "a", [later, noted])
    assert bench.load_all(tmp_path) == [earlier, later, noted]


def test_the_table_shows_result_spread_and_verdict(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A figure of one trial has no spread; the status is 1 if one was not reached."""
    noted = Figure("rate", "at least 5 requests/s", "requests/s", 4, False, (4.0,), "no CPU left")
    bench.save(tmp_path, "figures", [below("latency", 10, "ms", [1, 2, 30]), noted])
    nothing = argparse.Namespace(measurements=[], folder=tmp_path, trials=1, add=None)
    assert command.run(nothing, Settings()) == 1
    lines = capsys.readouterr().out.splitlines()
    assert [" ".join(line.split()) for line in lines] == [
        "what to reach measured lowest to highest, trials reached",
        "latency median under 10 ms 2 ms 1 to 30, 3 yes",
        "rate at least 5 requests/s 4 requests/s NO (no CPU left)",
    ]


def quiet(settings: Settings, folder: Path, said: list[str] | None = None) -> Bench:
    return Bench(settings, folder, 1, (said if said is not None else []).append)


@pytest.fixture
def struck(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the steps of a trial follow each other quickly."""
    monkeypatch.setattr(strikes, "BEFORE_S", 1.0)
    monkeypatch.setattr(strikes, "AFTER_S", 0.3)


@pytest.mark.usefixtures("struck")
def test_a_standby_that_helps_with_the_load_to_its_end_fails_no_strike(tmp_path: Path) -> None:
    """After the last strike the system is steady only when the load is over, and is waited for until then."""
    with (
        controller(state()) as peer,
        docker() as engine,
        serving(lambda *_: Reply()) as target,
        ThreadPoolExecutor() as pool,
    ):

        def steady_without_load() -> None:
            seen = -1
            while seen != len(target.requests):
                seen = len(target.requests)
                time.sleep(1)
            peer.state = state()

        def fall(_action: str, _name: str) -> None:
            peer.state = state(steady=False, reason="predictor-3 still helps")
            entries = [
                {"event": "action", "action": "promote", "server": "predictor-3", "result": "ok"},
                {"event": "confirmed", "action": "promote", "server": "predictor-3"},
            ]
            for seq, entry in enumerate(entries, 1):
                peer.write(Entry.from_raw({"seq": seq, "time": time.time(), **entry}))
            pool.submit(steady_without_load)

        engine.on_post = fall
        settings = Settings(
            controller_url=peer.url,
            docker_url=engine.url,
            project="lab",
            target_url=target.url,
            locustfile=LOCUSTFILE,
            capacity=20.0,
        )
        said: list[str] = []
        done, rows = strikes.run(
            quiet(settings, tmp_path, said),
            "kills",
            lambda context, server: kill.inject(context, server, complete("kill")),
            lambda *_: None,
        )
    assert [one.server for one in done] == ["predictor-1"]
    assert done[0].promoted_s is not None
    assert done[0].promoted_s > done[0].struck_s
    assert len(rows) > 20
    assert lost(rows) == []
    assert said[0] == "kills: 1 trials at 28 requests/s"
    assert said[1].startswith("kills 1/1: predictor-1, standby in rotation after ")
    assert len(said) == 2


def test_an_unknown_measurement_is_refused_with_those_there_are(tmp_path: Path) -> None:
    with pytest.raises(LabError, match="no measurement 'kill'; expected one of: first_failure, hang, hangs"):
        bench.run("kill", quiet(Settings(), tmp_path))


def test_the_topology_is_the_one_that_runs_where_none_is_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file of the figures has its name; waiting for it is one line."""
    said: list[str] = []
    monkeypatch.setattr(kills, "measure", lambda under: [below(under.settings.topology, 0, "", [0], "sum")])
    with controller(state(topology="4-active-2-standby")) as peer:
        figures = bench.run("kills", quiet(Settings(controller_url=peer.url), tmp_path, said))
    assert figures[0].what == "4-active-2-standby"
    assert (tmp_path / "kills-4-active-2-standby.json").is_file()
    assert said == ["kills: waiting until the system is steady"]


def test_a_topology_without_a_figure_of_the_demo_is_refused_before_any_load(tmp_path: Path) -> None:
    """The topologies of the article are named."""
    with (
        controller(state(topology="mine")) as peer,
        pytest.raises(LabError, match="topology mine; expected one of: single, 2-active, 3-active"),
    ):
        bench.run("first_failure", quiet(Settings(controller_url=peer.url), tmp_path))
    assert list(tmp_path.iterdir()) == []
    assert set(first_failure.DEMO_PER_S) == {"single", "2-active", "3-active"}
