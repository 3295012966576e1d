"""Shipped scenarios on the topologies they say most about: `make experiment`, as a user types it.

`make test-more` runs every one of them on 2-active.
"""

from __future__ import annotations

import pytest

from driver import make, state
from runs import (
    BUSY,
    OF_THE_MACHINE,
    STATUS,
    alone,
    experiment,
    folders_of,
    held,
    of_the_machine,
    read,
    status,
)

pytestmark = pytest.mark.e2e


@pytest.mark.parametrize(
    ("up", "scenario", "struck"),
    [
        ("2-active", "hang", 1),
        ("3-active", "kill-two", 2),
        ("4-active-2-standby", "kill-two", 2),
        ("9-active", "kill-active", 1),
    ],
    indirect=["up"],
)
def test_the_topology_meets_the_scenario(up: str, scenario: str, struck: int) -> None:
    (folder,) = held(experiment(scenario))
    verdict = read(folder / "verdict.json")
    assert verdict["measures"]["lost"] == 0
    strokes = [one for one in verdict["exposure"]["strokes"] if not one["exempt"]]
    assert len(strokes) == struck
    assert verdict["exposure"]["total"]["lost"] == 0


@pytest.mark.parametrize("up", ["9-active"], indirect=True)
def test_nine_servers_carry_two_thirds_of_what_they_state(up: str) -> None:
    """300 of 450 requests/s for some seconds, and nobody is refused or lost."""
    with alone():
        done = make("loadtest", check=False, PATTERN="constant", RATE="300", DURATION="6", given=BUSY)
    summary = read(folders_of(done.stdout)[0] / "summary.json")
    assert summary["sent_requests"] > 1500
    assert summary["error_requests"] == 0
    # A generator that stood still sends at once all that is due; then it says that the run is not
    # valid.
    assert summary["valid"] or all(OF_THE_MACHINE.search(one) for one in summary["invalid_because"])
    if summary["valid"]:
        assert (summary["refused_requests"], summary["late_requests"]) == (0, 0)
    assert len([one for one in summary["servers"] if one["answered_requests"] > 0]) == 9


@pytest.mark.parametrize("up", ["3-active"], indirect=True)
def test_a_scenario_that_needs_a_standby_is_not_applicable_without_one(up: str) -> None:
    done = experiment("kill-standby")
    verdict = read(folders_of(done.stdout)[0] / "verdict.json")
    assert (verdict["verdict"], status(done)) == ("not applicable", 2)
    assert "standby" in verdict["because"][0]
    assert state()["steady"], "nothing was done"


@pytest.mark.parametrize("up", ["single"], indirect=True)
def test_a_topology_that_cannot_meet_it_does_not(up: str) -> None:
    """One server and nobody to take its place.

    What arrives until it is back is lost, and that is told.
    """
    done = experiment("kill-active")
    (folder,) = folders_of(done.stdout)
    verdict = read(folder / "verdict.json")
    assert status(done) == STATUS[verdict["verdict"]]
    # Where the machine was too busy to measure anything it is invalid; the loss is told all the
    # same.
    assert verdict["verdict"] == "not met" or of_the_machine(verdict), verdict["because"]
    lost = verdict["measures"]["lost"]
    assert lost > 0
    assert f"lost is {lost:g} requests (expected 0)" in verdict["because"]
