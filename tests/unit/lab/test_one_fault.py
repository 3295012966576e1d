"""`make chaos` as a scenario: whom it strikes, with how much load, and what it refuses."""

import argparse
from dataclasses import replace

import pytest

from lab.commands import chaos
from lab.errors import LabError, NotSteadyError
from lab.experiment import one_fault, parse, schedule
from lab.experiment.scenario import Scenario
from lab.parts.predictors import Info
from lab.settings import Settings
from unit.lab.journal_entries import ROLES, server, state
from unit.lab.loopback_controller import controller


def chosen(given: dict[str, object]) -> Scenario:
    """Make the scenario of 2-active with these settings."""
    return one_fault.scenario(state(), replace(Settings(), **given))  # type: ignore[arg-type]


CHOICES = [
    ("nothing said: the first active one", {}, ("predictor-1",)),
    ("a target", {"target": "predictor-2"}, ("predictor-2",)),
    (
        "several targets, in the topology's order",
        {"target": "predictor-3, predictor-1"},
        ("predictor-1", "predictor-3"),
    ),
    ("a role", {"role": "standby"}, ("predictor-3",)),
    ("a count", {"count": 2}, ("predictor-1", "predictor-2")),
    ("a target with its role", {"target": "predictor-3", "role": "standby"}, ("predictor-3",)),
]
REFUSALS = [
    (
        "no such target",
        {"target": "predictor-9"},
        "no server predictor-9; expected one of: predictor-1, predictor-2, predictor-3",
    ),
    ("an empty target", {"target": ","}, "expected one of: predictor-1"),
    ("too many", {"count": 3}, "COUNT=3 is too many: 2-active has 2 active (predictor-1, predictor-2)"),
    (
        "target and role disagree",
        {"target": "predictor-1", "role": "standby"},
        "do not agree: leave out one of them",
    ),
    ("target and count disagree", {"target": "predictor-1", "count": 2}, "do not agree: leave out COUNT"),
    (
        "a fault from the client's side",
        {"fault": "bad_malformed"},
        "FAULT=bad_malformed cannot be done to a server, only to: client",
    ),
    ("no such fault", {"fault": "drown"}, "no fault 'drown'; expected one of: "),
]


@pytest.mark.parametrize(("given", "targets"), [row[1:] for row in CHOICES], ids=[row[0] for row in CHOICES])
def test_the_targets_are_chosen_by_name_or_by_role_and_count(
    given: dict[str, object], targets: tuple[str, ...]
) -> None:
    """Names win; without anything the first active server is struck."""
    (fault,) = chosen(given).faults
    assert fault.target == ", ".join(targets)


@pytest.mark.parametrize(("given", "words"), [row[1:] for row in REFUSALS], ids=[row[0] for row in REFUSALS])
def test_what_makes_no_sense_is_refused_before_anything_is_done(given: dict[str, object], words: str) -> None:
    """The message names what was given and what is valid."""
    with pytest.raises(LabError, match=words.replace("(", r"\(").replace(")", r"\)")):
        chosen(given)


def test_a_role_that_the_topology_lacks_is_not_applicable() -> None:
    """A topology without a standby has none to kill."""
    alone = state(server("predictor-1"), topology="single")
    with pytest.raises(
        LabError, match="ROLE=standby is not applicable: the topology single has no standby server"
    ):
        one_fault.scenario(alone, replace(Settings(), role="standby"))


def test_a_system_that_is_not_steady_is_left_alone_and_says_who_is_not() -> None:
    """A second fault on top of a first one would measure neither."""
    shaken = state(
        server("predictor-1", health="down"),
        server("predictor-2"),
        steady=False,
        reason="predictor-1 is dead",
    )
    with (
        controller(shaken) as peer,
        pytest.raises(NotSteadyError, match="not steady: predictor-1 is dead") as caught,
    ):
        chaos.run(argparse.Namespace(), Settings(controller_url=peer.url, role="standby", count=9))
    assert "predictor-1 is down" in caught.value.cause


SERVERS = {name: Info(name, "1", [], {}, 50.0) for name in ROLES}
LOADS = [
    ("no load asked for", {}, 0.0),
    ("one struck: its standby counts", {"with_load": 1}, 70.0),
    ("both struck: the standby alone", {"with_load": 1, "count": 2}, 35.0),
    ("a standby struck: both actives carry", {"with_load": 1, "role": "standby"}, 70.0),
    ("a rate given", {"with_load": 1, "chaos_rate": 12.0}, 12.0),
]


@pytest.mark.parametrize(("given", "rate"), [row[1:] for row in LOADS], ids=[row[0] for row in LOADS])
def test_the_load_is_70_percent_of_what_is_left_in_service(given: dict[str, object], rate: float) -> None:
    """One server carries 50 requests/s; CHAOS_RATE overrides."""
    made = chosen(given)
    strokes = [
        schedule.Stroke(each.fault, tuple(each.target.split(", ")), 0.0, 1.0, {}) for each in made.faults
    ]
    assert made.load.sent is (rate > 0)
    assert schedule.rates(made.load, ROLES, SERVERS, strokes)[0] == pytest.approx(rate)


def test_the_scenario_is_a_real_one_that_can_be_run_again() -> None:
    """Its text, read as a file, is the same scenario.

    Who is struck, how long, how long it may take.
    """
    made = chosen({"fault": "pause", "hang_s": 2.5, "count": 2, "chaos_wait_s": 20.0, "with_load": 1})
    again, problems = parse.parse(made.text, "own.yaml")
    assert problems == ()
    assert again == replace(made, name="own")
    (fault,) = made.faults
    assert (fault.fault, fault.target, fault.length_s) == ("pause", "predictor-1, predictor-2", 2.5)
    assert (made.recovery.within_s, made.expect) == (20, ())


def test_what_no_scenario_can_do_is_refused_in_words() -> None:
    with pytest.raises(
        LabError, match=r"make chaos cannot do this: rate: 0\.05; expected a number from 0\.1"
    ):
        chosen({"with_load": 1, "chaos_rate": 0.05})
