"""What is told from the records of a failure: the steps in order, and what did not happen."""

import pytest

from lab.facts.timeline import Records, Story, Stroke, promotion, tell
from lab.parts.controller import Entry
from unit.lab.journal_entries import KILLED_AND_REPLACED, ROLES, T0, journal, log, log_line, signalled

KILL = Stroke("predictor-1", "kill", T0, "SIGKILL")
DOWN = (20.0, "observation", {"server": "predictor-1", "change": {"health": ["up", "down"]}})
UP = (3000.0, "observation", {"server": "predictor-1", "change": {"health": ["down", "up"]}})
PROMOTE = {"action": "promote", "server": "predictor-3"}
ACCEPTED = (21.0, "action", {**PROMOTE, "command": "set weight", "result": "ok"})


def story(
    entries: tuple[Entry, ...],
    *,
    roles: dict[str, str] | None = None,
    strokes: tuple[Stroke, ...] = (KILL,),
    lines: tuple[str, ...] = (),
    steady_ms: float | None = 8000,
) -> Story:
    steady_at = None if steady_ms is None else T0 + steady_ms / 1000
    return tell(Records(strokes, ROLES if roles is None else roles, entries, log(*lines), steady_at))


def test_a_kill_with_a_standby_is_told_from_the_kill_to_steady_again() -> None:
    """Each step has the time since the kill; records from before it are left out."""
    lines = (log_line(10, 15.5, "predictor-3", retries="+1"), log_line(40, 9, "predictor-3"), log_line(5, 9))
    told = story(KILLED_AND_REPLACED, lines=lines)
    assert [(step.name, step.server, round(step.at_ms, 1)) for step in told.steps] == [
        ("kill", "predictor-1", 0.0),
        ("first sign", "predictor-1", 18.4),
        ("detected", "predictor-1", 18.6),
        ("decided", "predictor-3", 19.0),
        ("in rotation", "predictor-3", 20.1),
        ("first served", "predictor-3", 25.5),
        ("also seen", "predictor-1", 96.2),
        ("started again", "predictor-1", 690.0),
        ("healthy again", "predictor-1", 2905.0),
        ("demoted", "predictor-3", 7910.0),
        ("steady again", "", 8000.0),
    ]
    assert told.remarks == ()
    texts = {step.name: step.text for step in told.steps}
    assert texts["first sign"] == "tripwire: connection ended, then refused"
    assert texts["detected"] == "by tripwire: predictor-1 is down"
    assert texts["decided"] == "predictor-1 refused connections; predictor-3 takes its place"
    assert texts["also seen"] == "docker: die, exit code 137"


REMARKS = [
    (
        "no standby in the topology",
        {"predictor-1": "active", "predictor-2": "active"},
        (DOWN, UP),
        "no standby in this topology; survivors carry the load (predictor-2)",
    ),
    (
        "the only server",
        {"predictor-1": "active"},
        (DOWN, UP),
        "no standby in this topology; nobody is left to carry the load",
    ),
    (
        "only a standby was struck",
        {"predictor-1": "standby", "predictor-2": "active"},
        (DOWN, UP),
        "only a standby was struck",
    ),
    ("never promoted", ROLES, (DOWN, UP), "NO STANDBY WAS PROMOTED in the time observed"),
    (
        "promotion failed",
        ROLES,
        (DOWN, (21.0, "action", {**PROMOTE, "command": "set weight", "result": "No such server."}), UP),
        "NO STANDBY WAS PROMOTED in the time observed: 'set weight' gave 'No such server.'",
    ),
    ("unnoticed", ROLES, (), "no record shows that anyone noticed the fault of predictor-1"),
    ("not back", ROLES, (DOWN,), "no record shows that predictor-1 is healthy again"),
    (
        "promotion accepted and never seen",
        ROLES,
        (DOWN, ACCEPTED, UP),
        "NO STANDBY WAS PROMOTED in the time observed: 'set weight' gave 'ok', and no observation",
    ),
    (
        "no load",
        ROLES,
        (DOWN, ACCEPTED, (22.0, "confirmed", PROMOTE), UP),
        "no request reached predictor-3 while it was in rotation",
    ),
    (
        "not demoted",
        ROLES,
        (DOWN, ACCEPTED, (22.0, "confirmed", PROMOTE), UP),
        "predictor-3 was not yet demoted in the time observed",
    ),
]


@pytest.mark.parametrize(
    ("roles", "rows", "words"), [row[1:] for row in REMARKS], ids=[row[0] for row in REMARKS]
)
def test_what_did_not_happen_is_said(
    roles: dict[str, str], rows: tuple[tuple[float, str, dict[str, object]], ...], words: str
) -> None:
    """Each gap in the story has its sentence."""
    remarks = story(journal(*rows), roles=roles).remarks
    assert any(remark.startswith(words) for remark in remarks), remarks


OK = {**PROMOTE, "result": "ok"}
OTHER = {**OK, "server": "predictor-4"}
PROMOTIONS = [
    ("accepted, then seen: the time of the acceptance", ((5, "action", OK), (9, "confirmed", PROMOTE)), 5),
    ("accepted and not seen", ((5, "action", OK),), None),
    ("seen before it was accepted", ((3, "confirmed", PROMOTE), (5, "action", OK)), None),
    ("another one was seen", ((5, "action", OK), (9, "confirmed", OTHER)), None),
    (
        "refused, then accepted",
        (
            (5, "action", {**PROMOTE, "result": "No such server."}),
            (7, "action", OK),
            (9, "confirmed", PROMOTE),
        ),
        7,
    ),
    ("a demotion is none", ((5, "action", {**OK, "action": "demote"}), (9, "confirmed", PROMOTE)), None),
    (
        "the first of two",
        ((5, "action", OTHER), (6, "action", OK), (8, "confirmed", PROMOTE), (9, "confirmed", OTHER)),
        5,
    ),
]


@pytest.mark.parametrize(
    ("rows", "at_ms"), [row[1:] for row in PROMOTIONS], ids=[row[0] for row in PROMOTIONS]
)
def test_a_standby_is_in_rotation_when_haproxy_accepted_it_and_that_was_seen(
    rows: tuple[tuple[float, str, dict[str, object]], ...], at_ms: float | None
) -> None:
    """One meaning for the timeline and the benchmark."""
    found = promotion(journal(*rows))
    assert (found and round((found.time - T0) * 1000)) == at_ms


def test_a_system_that_is_not_steady_again_is_said_to_be_so() -> None:
    """Without an end there is no step for it, and a remark."""
    told = story(KILLED_AND_REPLACED, steady_ms=None)
    assert told.first("steady again") is None
    assert "THE SYSTEM WAS NOT STEADY AGAIN in the time observed" in told.remarks


def test_both_servers_and_the_standby_struck_leave_nobody_to_promote() -> None:
    """A standby that was struck too is not expected to be promoted."""
    strokes = (KILL, Stroke("predictor-3", "kill", T0 + 0.002))
    told = story((), strokes=strokes)
    assert "each standby was struck too: nobody was left to promote" in told.remarks
    assert [round(step.at_ms) for step in told.steps[:2]] == [0, 2]


def test_a_pause_is_detected_by_the_check_and_its_end_is_a_step() -> None:
    """A hang ends no connection: the check sees it; the end of the fault is told with its time."""
    paused = Stroke("predictor-1", "pause", T0, "docker pause", ended=T0 + 5)
    rows = (
        signalled(610.0, "check", "check_down", "L7TOUT"),
        (611.0, "observation", {"server": "predictor-1", "change": {"health": ["up", "down"]}}),
        (5400.0, "observation", {"server": "predictor-1", "change": {"health": ["down", "up"]}}),
    )
    told = story(journal(*rows), strokes=(paused,))
    assert [step.name for step in told.steps][:5] == [
        "pause",
        "first sign",
        "detected",
        "fault ended",
        "healthy again",
    ]
    assert told.steps[2].text == "by check: predictor-1 is down"


def test_a_server_that_docker_restarts_by_itself_counts_as_started_when_its_container_runs() -> None:
    """A crash needs no action of the controller."""
    rows = (
        DOWN,
        (30.0, "observation", {"server": "predictor-1", "change": {"container": ["running", "exited"]}}),
        (900.0, "observation", {"server": "predictor-1", "change": {"container": ["exited", "running"]}}),
        UP,
    )
    step = story(journal(*rows)).first("started again")
    assert step is not None
    assert step.at_ms == pytest.approx(900.0, abs=0.01)
    assert step.text == "its container runs"


def test_an_action_that_failed_is_not_a_start() -> None:
    """Only what Docker carried out counts."""
    rows = (
        DOWN,
        (50.0, "action", {"action": "start", "server": "predictor-1", "result": "500 no such image"}),
    )
    assert story(journal(*rows)).first("started again") is None
