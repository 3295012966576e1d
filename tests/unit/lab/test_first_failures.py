"""The rate at the first failure over several runs.

What counts, what does not, and where the median lies.
"""

from dataclasses import replace

import pytest

from lab.facts import first_failures
from lab.facts.first_failures import Rate
from unit.lab.test_compare import run


@pytest.mark.parametrize(
    ("rates", "median", "lowest", "highest"),
    [
        ([150], Rate(150), Rate(150), Rate(150)),
        ([160, 150, 155], Rate(155), Rate(150), Rate(160)),
        ([150, 160], Rate(155), Rate(150), Rate(160)),
        # Three of four runs ended without a failure at 300/s, the bound: it is not averaged as a
        # rate.
        ([150, None, 160], Rate(160), Rate(150), Rate(300, above=True)),
        ([150, None, None], Rate(300, above=True), Rate(150), Rate(300, above=True)),
        ([150, None], Rate(225, above=True), Rate(150), Rate(300, above=True)),
        ([None], Rate(300, above=True), Rate(300, above=True), Rate(300, above=True)),
    ],
)
def test_a_run_without_a_failure_counts_as_above_all_that_were_observed(
    rates: list[float | None], median: Rate, lowest: Rate, highest: Rate
) -> None:
    found = first_failures.of_runs([run("single", rate) for rate in rates])
    assert (found.median, found.lowest, found.highest) == (median, lowest, highest)
    assert found.n == found.planned == len(rates)
    assert found.ended_by.get("no failure", 0) == rates.count(None)


def test_an_invalid_run_is_left_out_and_named() -> None:
    """Its rate moves nothing, whichever it was."""
    runs = [run("single", 150), run("single", 20, valid=False), run("single", None, valid=False)]
    found = first_failures.of_runs(runs, planned=5, failed=["run 4 could not run: not steady"])
    assert (found.median, found.n, found.planned) == (Rate(150), 1, 5)
    assert [reason.rsplit(": ", 1)[1] for reason in found.left_out] == [
        "the generator fell behind",
        "the generator fell behind",
        "not steady",
    ]


def test_a_rate_that_is_the_generators_is_left_out_too() -> None:
    doubtful = replace(run("single", 20), valid=False, rate_doubtful_because=("it stood still",))
    found = first_failures.of_runs([doubtful, run("single", 150)])
    assert found.values == (Rate(150),)
    assert "it stood still" in found.left_out[0]


def test_without_a_valid_run_there_is_no_rate() -> None:
    found = first_failures.of_runs([run("single", 20, valid=False)])
    assert (found.median, found.lowest, found.highest, found.n) == (None, None, None, 0)


def test_a_bound_reads_as_one() -> None:
    assert [str(Rate(150.04)), str(Rate(300, above=True))] == ["150.0", "above 300.0"]
