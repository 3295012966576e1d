"""The pure parts of the benchmark: figures from rows and journals.

And that a run says what it cannot do.
"""

import argparse
import itertools
import math
from pathlib import Path

import pytest

from lab import bench
from lab.bench import Bench
from lab.bench.figures import Figure, Series, Wanted, below
from lab.bench.measurements import first_failure, idle, overload
from lab.commands import bench as command
from lab.errors import LabError
from lab.facts.judge import INVALID, MET, NOT_MET
from lab.facts.measures import NO_STANDBY
from lab.facts.trials import Result
from lab.records.classes import ERROR, LATE, NONE, REFUSED
from lab.records.requests import Request
from lab.settings import Settings
from unit.lab.journal_entries import T0, state
from unit.lab.loopback_controller import controller

NUMBERS = itertools.count()


def request(at_s: float, latency_ms: float = 20.0, failure: str = NONE) -> Request:
    """Make a request that was due `at_s` after T0."""
    due_s = T0 + at_s
    status = {NONE: 200, LATE: 200, REFUSED: 429, ERROR: 500}[failure]
    return Request(
        f"id-{next(NUMBERS)}", due_s, due_s, latency_ms, latency_ms, status, "p", "", 0, 0.5, True, failure
    )


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
    assert overload.goodput_per_s(rows, T0, T0 + 2) == pytest.approx(1.5)


def spike_rows(slow_until_s: float, failure: str = NONE) -> list[Request]:
    """Return 12 s of usual latency (20 ms), a spike of 15 s, slow requests, then usual ones."""
    rows = [request(number / 20) for number in range(240)]
    rows += [request(12 + number / 20, 700) for number in range(300)]
    after = [27 + number / 20 for number in range(240)]
    return rows + [request(at, 200, failure) if at < 27 + slow_until_s else request(at) for at in after]


RECOVERIES = [
    ("at once", spike_rows(0), 0.0),
    ("after one second", spike_rows(1.0), 1.0),
    ("failures in time count as well", spike_rows(1.0, REFUSED), 1.0),
    ("never, in the time observed", spike_rows(12.0), math.inf),
]


@pytest.mark.parametrize(
    ("rows", "took_s"), [row[1:] for row in RECOVERIES], ids=[row[0] for row in RECOVERIES]
)
def test_an_overload_is_over_when_every_half_second_is_as_before(rows: list[Request], took_s: float) -> None:
    assert overload.recovery_s(rows, T0 + 12, T0 + 27) == pytest.approx(took_s, abs=0.101)


def test_a_relapse_makes_the_recovery_later() -> None:
    """Planted: good for two seconds, bad again after five. The first good half second is no end."""
    rows = spike_rows(1.0)
    rows += [request(32 + number / 100, 400, LATE) for number in range(20)]
    assert overload.recovery_s(rows, T0 + 12, T0 + 27) == pytest.approx(5.2, abs=0.101)


def test_figures_are_read_back_as_they_were_saved_in_the_order_of_measuring(tmp_path: Path) -> None:
    """What is not a list of figures is passed over."""
    later, earlier = Figure("b", "0", "", 0, True, (0.0,)), below("a", 10, "ms", [1, 2, 30])
    noted = Figure("c", "at least 5", "requests/s", 4, False, (4.0,), "the generator fell behind")
    bench.save(Settings(), tmp_path, "z", [earlier])
    (tmp_path / "other.json").write_text('{"version": "1"}')
    bench.save(Settings(), tmp_path, "a", [later, noted])
    assert bench.load_all(tmp_path) == [earlier, later, noted]


def test_the_table_shows_result_spread_and_verdict(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A figure of one trial has no spread; the status is 1 if one was not reached."""
    noted = Figure("rate", "at least 5 requests/s", "requests/s", 4, False, (4.0,), "no CPU left")
    bench.save(Settings(), tmp_path, "figures", [below("latency", 10, "ms", [1, 2, 30]), noted])
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


def result(verdict: str, **measures: float | str) -> Result:
    return Result(verdict, ("because",), "run", measures=measures)


def test_a_figure_of_a_series_takes_every_trial_that_says_something() -> None:
    """A measure that was not expected counts as well.

    What is left out is counted, with its reason.
    """
    results = (
        result(MET, lost=0.0, in_rotation_ms=20.0),
        result(NOT_MET, lost=1.0, in_rotation_ms=NO_STANDBY),
        Result(INVALID, ("no CPU left",), "run", measures={"lost": 9.0}),
    )
    done = Series("kill-active", "2-active", results)
    lost = done.figure(Wanted("requests lost", "lost", 0))
    assert (lost.what, lost.result, lost.reached) == (
        "kill-active on 2-active: requests lost",
        1,
        False,
    )
    assert lost.note == (
        "1 of 2 experiments had any: at most 97 % do (95 %); 1 of 3 trials left out (1 invalid, no CPU left)"
    )
    rotation = done.figure(Wanted("in rotation", "in_rotation_ms", 100, "ms", "maximum"))
    assert (rotation.result, rotation.reached) == (20, False)
    assert "1 trials without a value" in rotation.note
    shown = done.figure(Wanted("requests lost", "lost"))
    assert (shown.to_reach, shown.reached) == ("(for information)", True)
    assert not done.figure(Wanted("wrong answers", "wrong_answer", 0)).reached, "no trial measured it"


def test_a_zero_of_fifty_has_its_bound_and_is_reached() -> None:
    done = Series("kill-active", "2-active", (result(MET, lost=0.0),) * 50)
    lost = done.figure(Wanted("requests lost", "lost", 0))
    assert lost.reached
    assert lost.note == "0 of 50 experiments had any: at most 5.8 % do (95 %)"


def test_a_standby_that_never_came_makes_a_median_infinite() -> None:
    """Planted: 30 of 50 promotions were missing, and the median of the others looked well."""
    never = result(NOT_MET, in_rotation_ms="no standby was promoted")
    done = Series("kill-active", "2-active", (never,) * 30 + (result(MET, in_rotation_ms=20.0),) * 20)
    figure = done.figure(Wanted("in rotation", "in_rotation_ms", 40, "ms", "median"))
    assert (figure.result, figure.reached) == (math.inf, False)


def test_a_figure_is_not_reached_where_too_many_trials_are_left_out() -> None:
    left_out = Result(INVALID, ("no CPU left",), "run")
    done = Series("hang", "2-active", (result(MET, lost=0.0),) * 4 + (left_out,) * 6)
    assert not done.figure(Wanted("requests lost", "lost", 0)).reached


def test_an_unknown_measurement_is_refused_with_those_there_are(tmp_path: Path) -> None:
    with pytest.raises(LabError, match="no measurement 'kill'; expected one of: first_failure, hang, idle"):
        bench.run("kill", quiet(Settings(), tmp_path))


def test_the_topology_is_the_one_that_runs_where_none_is_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file of the figures has its name; waiting for it is one line."""
    said: list[str] = []
    monkeypatch.setattr(idle, "measure", lambda under: [below(under.settings.topology, 0, "", [0], "sum")])
    with controller(state(topology="4-active-2-standby")) as peer:
        figures = bench.run("idle", quiet(Settings(controller_url=peer.url), tmp_path, said))
    assert figures[0].what == "4-active-2-standby"
    assert (tmp_path / "idle-4-active-2-standby.json").is_file()
    assert said == ["idle: waiting until the system is steady"]


def test_a_topology_without_a_figure_of_the_demo_is_refused_before_any_load(tmp_path: Path) -> None:
    """The topologies of the article are named."""
    with (
        controller(state(topology="mine")) as peer,
        pytest.raises(LabError, match="topology mine; expected one of: single, 2-active, 3-active"),
    ):
        bench.run("first_failure", quiet(Settings(controller_url=peer.url), tmp_path))
    assert list(tmp_path.iterdir()) == []
    assert set(first_failure.DEMO_PER_S) == {"single", "2-active", "3-active"}
