"""What is told from the records of a failure: the milestones in order, and what did not happen."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from lab.facts import milestones, story
from lab.facts.milestones import FaultSpan
from lab.facts.story import Story
from lab.parts.controller import Entry
from lab.records.folder import STORY
from unit.lab.journal_entries import (
    KILLED_AND_REPLACED,
    ROLES,
    T0,
    journal,
    log_line,
    server,
    signalled,
    state,
)
from unit.lab.planted_records import Planted, first, phase

KILL = FaultSpan("kill", "predictor-1", T0, "SIGKILL")
DOWN = (20.0, "observation", {"server": "predictor-1", "change": {"health": ["up", "down"]}})
UP = (3000.0, "observation", {"server": "predictor-1", "change": {"health": ["down", "up"]}})
PROMOTE = {"action": "promote", "server": "predictor-3"}
ACCEPTED = (21.0, "action", {**PROMOTE, "command": "set weight", "result": "ok"})
SHAKEN = ((0.2, False), (8.0, True), (9.0, True))


def told(
    folder: Path,
    entries: tuple[Entry, ...],
    *,
    roles: dict[str, str] | None = None,
    spans: tuple[FaultSpan, ...] = (KILL,),
    lines: tuple[str, ...] = (),
    steady: tuple[tuple[float, bool], ...] = SHAKEN,
) -> Story:
    """Plant the records of a run without load, and tell its story."""
    planted = Planted(folder, haproxy=list(lines), journal=list(entries))
    planted.start = state(*(server(name, role) for name, role in (roles or ROLES).items()))
    for span in spans:
        at_s = span.time_s - T0
        planted.fault(at_s, "inject", span.target, span.fault)
        planted.faults[-1]["detail"] = span.detail
        if span.ended_s is not None:
            planted.fault(span.ended_s - T0, "ended", span.target, span.fault)
    for at_s, is_steady in steady:
        planted.sample(at_s, steady=is_steady)
    return story.build(planted.save())


def test_a_kill_with_a_standby_is_told_from_the_kill_to_steady_again(tmp_path: Path) -> None:
    """Each milestone has its server and its time since the kill.

    Records from before are left out.
    """
    lines = (log_line(10, 15, "predictor-3", retries="+1"), log_line(40, 9, "predictor-3"), log_line(5, 9))
    made = told(tmp_path, KILLED_AND_REPLACED, lines=lines)
    assert [(each.name, each.server, round(made.at_ms(each), 1)) for each in made.milestones] == [
        ("injected", "predictor-1", 0.0),
        ("first sign", "predictor-1", 18.4),
        ("detected", "predictor-1", 18.6),
        ("decided", "predictor-3", 19.0),
        ("commanded", "predictor-3", 19.3),
        ("in rotation", "predictor-3", 20.1),
        ("first served", "predictor-3", 25.0),
        ("also seen", "predictor-1", 96.2),
        ("started again", "predictor-1", 690.0),
        ("healthy again", "predictor-1", 2905.0),
        ("demoted", "predictor-3", 7910.0),
        ("steady again", "", 8000.0),
    ]
    assert made.remarks == ()
    texts = {each.name: each.text for each in made.milestones}
    assert texts["injected"] == "SIGKILL"
    assert texts["first sign"] == "tripwire: connection ended, then refused"
    assert texts["detected"] == "by tripwire: predictor-1 is down"
    assert texts["decided"] == "predictor-1 refused connections; predictor-3 takes its place"
    assert texts["also seen"] == "docker: die, exit code 137"


def test_without_joined_requests_nothing_is_claimed_of_the_clocks(tmp_path: Path) -> None:
    """The time of HAProxy's log is held against the fault's: how far it may be off is unknown."""
    made = told(tmp_path, KILLED_AND_REPLACED, lines=(log_line(40, 9, "predictor-3"),))
    served = phase(made, "first served")
    assert served is not None
    assert served.uncertainty_ms is None
    assert phase(made, "in rotation").uncertainty_ms == 2.0  # type: ignore[union-attr]
    assert made.requests is None
    assert made.notes[-1].startswith("no request is in both records: how far the clocks")
    written = json.loads((tmp_path / STORY).read_text())
    assert [each["uncertainty_ms"] for each in written["phases"] if each["name"] == "first served"] == [None]


def test_words_of_the_journal_change_no_milestone(tmp_path: Path) -> None:
    """Every sentence is another one; names, servers and times are the same."""
    sentences = ("what", "reason", "command")
    reworded = tuple(
        replace(entry, raw=entry.raw | {key: "said otherwise" for key in sentences if key in entry.raw})
        for entry in KILLED_AND_REPLACED
    )
    (tmp_path / "other").mkdir()
    usual, other = told(tmp_path, KILLED_AND_REPLACED), told(tmp_path / "other", reworded)
    assert [(each.name, each.server, each.time_s) for each in other.milestones] == [
        (each.name, each.server, each.time_s) for each in usual.milestones
    ]
    assert [phase.duration_ms for phase in other.phases] == [phase.duration_ms for phase in usual.phases]


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
    tmp_path: Path, roles: dict[str, str], rows: tuple[tuple[float, str, dict[str, object]], ...], words: str
) -> None:
    """Each gap in the story has its sentence."""
    remarks = told(tmp_path, journal(*rows), roles=roles).remarks
    assert any(remark.startswith(words) for remark in remarks), remarks


OK = {**PROMOTE, "result": "ok"}
OTHER = {**OK, "server": "predictor-4"}
PROMOTIONS = [
    ("accepted, then seen: the time of the acceptance", ((5, "action", OK), (9, "confirmed", PROMOTE)), [5]),
    ("accepted and not seen", ((5, "action", OK),), []),
    ("seen before it was accepted", ((3, "confirmed", PROMOTE), (5, "action", OK)), []),
    ("another one was seen", ((5, "action", OK), (9, "confirmed", OTHER)), []),
    (
        "refused, then accepted",
        (
            (5, "action", {**PROMOTE, "result": "No such server."}),
            (7, "action", OK),
            (9, "confirmed", PROMOTE),
        ),
        [7],
    ),
    ("a demotion is none", ((5, "action", {**OK, "action": "demote"}), (9, "confirmed", PROMOTE)), []),
    (
        "two standbys",
        ((5, "action", OTHER), (6, "action", OK), (8, "confirmed", PROMOTE), (9, "confirmed", OTHER)),
        [5, 6],
    ),
    (
        "the same one twice, parked in between",
        (
            *((5, "action", OK), (6, "confirmed", PROMOTE), (7, "confirmed", {**OK, "action": "demote"})),
            *((8, "action", OK), (9, "confirmed", PROMOTE)),
        ),
        [5, 8],
    ),
]


@pytest.mark.parametrize(
    ("rows", "at_ms"), [row[1:] for row in PROMOTIONS], ids=[row[0] for row in PROMOTIONS]
)
def test_a_standby_is_in_rotation_when_haproxy_accepted_it_and_that_was_seen(
    rows: tuple[tuple[float, str, dict[str, object]], ...], at_ms: list[float]
) -> None:
    roles = ROLES | {"predictor-4": "standby"}
    found = milestones.of_journal((KILL,), roles, journal(*rows))
    times = sorted(round((each.time_s - T0) * 1000) for each in found if each.name == "in rotation")
    assert times == at_ms


def test_the_budget_follows_the_standby_that_came_first(tmp_path: Path) -> None:
    """Another one that was decided on earlier, and never came, is not part of the chain."""
    roles = ROLES | {"predictor-4": "standby"}
    rows: tuple[tuple[float, str, dict[str, Any]], ...] = (
        DOWN,
        (21.0, "decision", {"action": "promote", "server": "predictor-4", "reason": "the first choice"}),
        (30.0, "decision", {"action": "promote", "server": "predictor-3", "reason": "the second"}),
        (32.0, "action", {**PROMOTE, "command": "set weight", "result": "ok", "took_ms": 1.0}),
        (33.0, "confirmed", PROMOTE),
    )
    made = told(tmp_path, journal(*rows), roles=roles)
    assert {phase.name: round(phase.at_ms) for phase in made.phases} == {
        "detected": 20, "decided": 30, "commanded": 31, "in rotation": 32, "steady again": 8000,
    }  # fmt: skip
    assert [each.server for each in made.milestones if each.name == "decided"] == [
        "predictor-4",
        "predictor-3",
    ]


def test_a_system_that_is_not_steady_again_is_said_to_be_so(tmp_path: Path) -> None:
    """Without an end there is no milestone for it, and a remark."""
    made = told(tmp_path, KILLED_AND_REPLACED, steady=((0.2, False), (8.0, True), (8.25, False)))
    assert first(made, "steady again") is None
    assert milestones.NOT_STEADY in made.remarks


def test_a_system_that_was_steady_all_the_time_is_not_said_to_be_so_again(tmp_path: Path) -> None:
    made = told(tmp_path, (), steady=((0.2, True), (8.0, True)))
    assert first(made, "steady again") is None
    assert milestones.ALWAYS_STEADY in made.remarks


def test_both_servers_and_the_standby_struck_leave_nobody_to_promote(tmp_path: Path) -> None:
    """A standby that was struck too is not expected to be promoted."""
    made = told(tmp_path, (), spans=(KILL, FaultSpan("kill", "predictor-3", T0 + 0.002)))
    assert "each standby was struck too: nobody was left to promote" in made.remarks
    assert [round(made.at_ms(each)) for each in made.milestones[:2]] == [0, 2]


def test_a_pause_is_detected_by_the_check_and_its_end_is_a_milestone(tmp_path: Path) -> None:
    """A hang ends no connection: the check sees it; the end of the fault is told with its time."""
    paused = FaultSpan("pause", "predictor-1", T0, "docker pause", ended_s=T0 + 5)
    rows = (
        signalled(610.0, "check", "check_down", "L7TOUT"),
        (611.0, "observation", {"server": "predictor-1", "change": {"health": ["up", "down"]}}),
        (5400.0, "observation", {"server": "predictor-1", "change": {"health": ["down", "up"]}}),
    )
    made = told(tmp_path, journal(*rows), spans=(paused,))
    assert [each.name for each in made.milestones][:5] == [
        "injected",
        "first sign",
        "detected",
        "fault ended",
        "healthy again",
    ]
    assert made.milestones[2].text == "by check: predictor-1 is down"
    assert made.milestones[3].text == "pause is undone"


def test_a_fault_that_others_repair_has_no_end_of_its_own(tmp_path: Path) -> None:
    """That the container of a killed server runs again is told as the controller's deed."""
    made = told(tmp_path, KILLED_AND_REPLACED, spans=(replace(KILL, ended_s=T0 + 0.7),))
    assert first(made, "fault ended") is None


def test_each_of_two_faults_of_a_server_is_told(tmp_path: Path) -> None:
    """What follows the second is not the first one's."""
    rows = (
        *(DOWN, UP),
        (5020.0, "observation", {"server": "predictor-1", "change": {"health": ["up", "down"]}}),
        (7000.0, "observation", {"server": "predictor-1", "change": {"health": ["down", "up"]}}),
    )
    made = told(tmp_path, journal(*rows), spans=(KILL, replace(KILL, time_s=T0 + 5)))
    times = {
        name: [round(made.at_ms(each)) for each in made.milestones if each.name == name]
        for name in ("injected", "detected", "healthy again")
    }
    assert times == {"injected": [0, 5000], "detected": [20, 5020], "healthy again": [3000, 7000]}


def test_the_end_of_a_fault_is_its_own_though_another_began_on_the_server_meanwhile() -> None:
    """Two that overlap, and one that is done twice: each has the next end of the same fault."""
    events = [
        {"time": T0 + at_s, "event": event, "fault": fault, "target": "predictor-1"}
        for at_s, event, fault in (
            (0, "inject", "latency"),
            (1, "inject", "pause"),
            (2, "ended", "latency"),
            (3, "ended", "pause"),
            (4, "inject", "pause"),
            (5, "ended", "pause"),
        )
    ]
    spans = milestones.fault_spans(events)
    assert [(span.fault, span.time_s - T0, (span.ended_s or 0) - T0) for span in spans] == [
        ("latency", 0, 2),
        ("pause", 1, 3),
        ("pause", 4, 5),
    ]


def test_a_server_that_docker_restarts_by_itself_counts_as_started_when_its_container_runs(
    tmp_path: Path,
) -> None:
    """A crash needs no action of the controller."""
    rows = (
        DOWN,
        (30.0, "observation", {"server": "predictor-1", "change": {"container": ["running", "exited"]}}),
        (900.0, "observation", {"server": "predictor-1", "change": {"container": ["exited", "running"]}}),
        UP,
    )
    made = told(tmp_path, journal(*rows))
    started = first(made, "started again")
    assert started is not None
    assert made.at_ms(started) == pytest.approx(900.0, abs=0.01)
    assert started.text == "its container runs"


def test_a_start_by_the_controller_is_told_so_even_if_the_container_is_seen_before_its_end(
    tmp_path: Path,
) -> None:
    """Docker answers the command a moment after the container runs."""
    rows = (
        DOWN,
        (300.0, "decision", {"action": "start", "server": "predictor-1", "reason": "killed from outside"}),
        (600.0, "observation", {"server": "predictor-1", "change": {"container": ["exited", "running"]}}),
        (605.0, "action", {"action": "start", "server": "predictor-1", "result": "ok"}),
        UP,
    )
    made = told(tmp_path, journal(*rows))
    started = first(made, "started again")
    assert started is not None
    assert (round(made.at_ms(started)), started.text) == (600, "start by the controller")


def test_an_action_that_failed_is_not_a_start(tmp_path: Path) -> None:
    """Only what Docker carried out counts."""
    rows = (
        DOWN,
        (50.0, "action", {"action": "start", "server": "predictor-1", "result": "500 no such image"}),
    )
    assert first(told(tmp_path, journal(*rows)), "started again") is None
