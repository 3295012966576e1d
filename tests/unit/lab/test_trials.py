"""Several trials together: intervals, who counts, what is left out, and how it is shown."""

import io
import math

import pytest
from rich.console import Console
from scipy import stats  # type: ignore[import-untyped]

from lab.facts import intervals, trials
from lab.facts.judge import COULD_NOT_RUN, INVALID, MET, NOT_MET, Judged
from lab.facts.measures import NO_STANDBY
from lab.facts.trials import NEVER, Result
from lab.report import trials_text


@pytest.mark.parametrize(("successes", "of"), [(50, 50), (0, 10), (5, 10), (1, 1), (49, 50)])
def test_a_share_of_trials_has_wilsons_interval(successes: int, of: int) -> None:
    expected = stats.binomtest(successes, of).proportion_ci(0.95, method="wilson")
    found = intervals.share(successes, of)
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high), abs=1e-9)


@pytest.mark.parametrize(
    ("events", "of"), [(0, 50), (0, 492), (1, 50), (3, 10), (10, 10), (0, 1), (7, 60_000)]
)
def test_what_was_seen_so_often_has_the_exact_bound_from_above(events: int, of: int) -> None:
    expected = stats.binomtest(events, of, alternative="less").proportion_ci(0.95, method="exact")
    assert intervals.at_most(events, of) == pytest.approx(expected.high, rel=1e-4)


def test_none_of_fifty_means_at_most_5_8_percent() -> None:
    assert round(100 * intervals.at_most(0, 50), 1) == 5.8
    assert round(100 * intervals.at_most(0, 492), 2) == 0.61


@pytest.mark.parametrize("count", [6, 9, 10, 20, 50])
def test_a_median_has_the_interval_of_order_statistics(count: int) -> None:
    values = [float(value) for value in range(count, 0, -1)]
    expected = stats.quantile_test(values, p=0.5).confidence_interval(0.95)
    found = intervals.spread(values)
    assert (found.median_low, found.median_high) == (expected.low, expected.high)
    assert (found.lowest, found.highest) == (1, count)


def test_five_trials_are_too_few_for_an_interval_of_the_median() -> None:
    assert intervals.spread([1, 2, 3, 4, 5]).median_low is None


def judged(measured: float | str, *, met: bool = True) -> Judged:
    return Judged("in_rotation_ms", "under 200", measured, "ms", met)


def result(verdict: str, measured: float | str, *, met: bool = True, lost: int = 0) -> Result:
    total = {"exposed": 7, "saved_by_retry": 7 - lost, "lost": lost, "late": 0}
    return Result(verdict, ("because",), "f", (judged(measured, met=met),), {}, {"total": total})


TRIALS = (
    result(MET, 20.0),
    result(MET, 30.0),
    result(NOT_MET, "no standby was promoted", met=False, lost=2),
    Result(INVALID, ("the generator fell behind",), "f", (judged(9.0),)),
    Result(COULD_NOT_RUN, ("not steady",)),
)


def test_a_time_that_never_came_is_infinite_and_no_outcome_is_dropped() -> None:
    content = trials.summary(TRIALS, 6)
    row = content["measures"]["in_rotation_ms"]
    assert (row["median"], row["highest"], row["trials"]) == (30.0, NEVER, 3)
    assert row["values"] == [20.0, 30.0, NEVER]
    assert (row["broken"], round(row["broken_at_most"], 3)) == (1, 0.865)
    assert (content["n"], content["planned"], content["met"]["successes"]) == (3, 6, 2)
    assert [(each["trial"], each["verdict"], each["because"]) for each in content["left_out"]] == [
        (4, "invalid", "the generator fell behind"),
        (5, "could not run", "not steady"),
        (6, "not run", "the series ended"),
    ]
    assert content["exposure"] == {"exposed": 21, "saved_by_retry": 19, "lost": 2, "late": 0}


def test_the_median_is_never_where_half_of_the_times_never_came() -> None:
    never = result(NOT_MET, "no standby was promoted", met=False)
    row = trials.summary((never, never, result(MET, 20.0)), 3)["measures"]["in_rotation_ms"]
    assert row["median"] == NEVER


def test_what_no_topology_can_have_is_not_asked_over_the_trials_either() -> None:
    content = trials.summary((result(MET, NO_STANDBY), result(MET, NO_STANDBY)), 2)
    assert content["measures"] == {}


def test_the_table_says_n_what_is_left_out_and_the_bound() -> None:
    console = Console(file=io.StringIO(), width=200)
    console.print(trials_text.table(TRIALS, trials.summary(TRIALS, 6)))
    shown = console.file.getvalue()  # type: ignore[attr-defined]
    assert "n = 3 of 6 trials; 3 left out:" in shown
    assert "trial 5: could not run: not steady" in shown
    assert "1 of 3: at most 86 % (95 %)" in shown
    assert "20 to never" in shown
    assert "21 requests were at stake: 19 saved by a retry, 2 lost, 0 late" in shown
    assert not math.isnan(intervals.at_most(1, 3))
