"""The pure parts of an experiment: schedule, abort, verdict, statistics, measures."""

from __future__ import annotations

import math
from collections import Counter
from pathlib import Path

import pytest

from lab.errors import LabError
from lab.experiment import abort, schedule
from lab.experiment.abort import Window
from lab.experiment.scenario import AbortBound, FaultPlan, LoadPlan, Recovery, Scenario
from lab.experiment.targets import NotApplicableError
from lab.facts import exposure, judge, ledger, measures, story
from lab.facts.judge import Facts, Judged
from lab.facts.measures import MEASURES, NO_SECOND, NO_STANDBY, NOTHING_SENT, Expectation, Measured
from lab.parts.predictors import Info
from lab.records.classes import CLIENT_GONE, ERROR, NONE
from lab.settings import Settings
from unit.lab.journal_entries import ROLES, T0, journal, server, state
from unit.lab.planted_records import RIGHT, Planted


def scenario(*faults: FaultPlan, load: LoadPlan | None = None) -> Scenario:
    made = load or LoadPlan(rate=50)
    return Scenario("x", "d", made, faults, (), AbortBound(failed=1), recovery=Recovery(within_s=60))


def plan(given: Scenario, seed: int = 1, topology: str = "2-active") -> schedule.Plan:
    roles = ROLES if topology == "2-active" else dict.fromkeys(ROLES, "active")
    system = state(*(server(name, role) for name, role in roles.items()), topology=topology)
    return schedule.plan(given, system, sizes(**dict.fromkeys(roles, 50.0)), Settings(), seed)


def sizes(**capacities: float | None) -> dict[str, Info]:
    """Return what servers say that carry so much (requests/s)."""
    names = {name.replace("_", "-"): capacity for name, capacity in capacities.items()}
    return {name: Info(name, "1", [], {}, capacity) for name, capacity in names.items()}


def test_the_same_seed_chooses_the_same_targets_and_times() -> None:
    given = scenario(FaultPlan("kill", "active", 1, jitter_s=5))
    once, again = plan(given, seed=7), plan(given, seed=7)
    assert once.strokes == again.strokes
    many = {
        (one.strokes[0].targets, one.strokes[0].at_s) for one in (plan(given, seed) for seed in range(20))
    }
    assert len({targets for targets, _ in many}) == 2, "both actives are struck"
    assert len({at_s for _, at_s in many}) == 20
    assert all(0 <= at_s <= 5 for _, at_s in many)


def test_a_repeated_fault_strikes_the_same_target_at_its_pace() -> None:
    made = plan(scenario(FaultPlan("unready", "active", 1, length_s=1, repeat=3, every_s=4)))
    assert [one.at_s for one in made.strokes] == [0, 4, 8]
    assert len({one.targets for one in made.strokes}) == 1
    assert made.span_s == 9


def test_a_role_that_is_not_there_is_not_applicable() -> None:
    with pytest.raises(NotApplicableError, match="standby"):
        plan(scenario(FaultPlan("kill", "standby", 1)), topology="3-active")


@pytest.mark.parametrize(
    ("topology", "load", "count", "expected"),
    [
        ("2-active", LoadPlan(rate=33), 1, (33, 33)),
        ("2-active", LoadPlan(share=0.7), 1, (70, 70)),
        ("2-active", LoadPlan(share_of_survivors=0.7), 1, (70, 70)),  # the standby takes the place
        ("2-active", LoadPlan(share_of_survivors=0.7), 2, (35, 35)),  # only the standby is left
        ("3-active", LoadPlan(share_of_survivors=0.7), 1, (70, 70)),
        ("3-active", LoadPlan(share_of_survivors=0.7), 3, (35, 35)),  # nobody is left: as for one
        ("3-active", LoadPlan("spike", share=0.4, peak_share=3, peak_s=5), 1, (60, 450)),
    ],
)
def test_the_rate_follows_from_the_load_and_who_is_left(
    topology: str, load: LoadPlan, count: int, expected: tuple[float, float]
) -> None:
    made = plan(scenario(FaultPlan("kill", "active", count), load=load), topology=topology)
    assert (made.rate, made.peak) == pytest.approx(expected)


UNEQUAL = sizes(predictor_1=100.0, predictor_2=50.0, predictor_3=20.0)

SIZES = [
    ("all actives together", (), LoadPlan(share=1), 150),
    ("the standby takes the place of the larger", ("predictor-1",), LoadPlan(share_of_survivors=1), 70),
    ("the standby takes the place of the smaller", ("predictor-2",), LoadPlan(share_of_survivors=1), 120),
    ("only the standby is left", ("predictor-1", "predictor-2"), LoadPlan(share_of_survivors=1), 20),
    ("nobody is left: as for the smallest", tuple(ROLES), LoadPlan(share_of_survivors=1), 20),
    ("a standby that is struck helps nobody", ("predictor-3",), LoadPlan(share_of_survivors=1), 150),
]


@pytest.mark.parametrize(
    ("struck", "load", "rate"), [row[1:] for row in SIZES], ids=[row[0] for row in SIZES]
)
def test_servers_of_different_sizes_carry_what_each_states(
    struck: tuple[str, ...], load: LoadPlan, rate: float
) -> None:
    strokes = [schedule.Stroke("kill", struck, 0, 1, {})]
    assert schedule.rates(load, ROLES, UNEQUAL, strokes) == (rate, rate)


def test_of_standbys_the_smallest_is_counted_on() -> None:
    roles = {**ROLES, "predictor-4": "standby"}
    servers = UNEQUAL | sizes(predictor_4=10.0)
    strokes = [schedule.Stroke("kill", ("predictor-1",), 0, 1, {})]
    assert schedule.survivors(roles, servers, strokes) == ("predictor-2", "predictor-4")


def test_a_share_of_a_capacity_that_is_not_stated_is_refused() -> None:
    """The message says which server, and both ways out; a rate needs no capacity."""
    bare = UNEQUAL | sizes(predictor_2=None)
    with pytest.raises(LabError, match="predictor-2 states no capacity") as refused:
        schedule.rates(LoadPlan(share=0.7), ROLES, bare, ())
    assert "SERVICE_MS=20" in refused.value.remedy
    with pytest.raises(LabError, match="states no capacity"):
        schedule.rates(LoadPlan(rate=20, peak_share=3), ROLES, bare, ())
    assert schedule.rates(LoadPlan(rate=20, peak_rate=90), ROLES, bare, ()) == (20, 90)


def test_a_spike_begins_at_the_time_0() -> None:
    made = plan(scenario(load=LoadPlan("spike", share=0.4, peak_share=3, peak_s=10, before_s=8)))
    assert (made.load.duration_s, made.load.spike_s) == (26, 10)
    assert made.load.rate_max_per_s == 300


def windows(*counts: tuple[int, int]) -> list[Window]:
    """Windows of a second each, of (served, errors)."""
    return [Window(at, at + 1, Counter({NONE: ok, ERROR: bad})) for at, (ok, bad) in enumerate(counts)]


@pytest.mark.parametrize(
    ("bound", "seen", "expected"),
    [
        (AbortBound(failed=10), windows((50, 5), (50, 5)), None),
        (AbortBound(failed=10), windows((50, 5), (50, 6)), "11 requests failed"),
        (AbortBound(failed_percent=50, over_s=2), windows((0, 50)), None),  # not over so long yet
        (AbortBound(failed_percent=50, over_s=2), windows((0, 50), (0, 50)), "100 % of the requests"),
        (AbortBound(failed_percent=50, over_s=2), windows((0, 50), (50, 0), (50, 0)), None),  # over by now
        (AbortBound(failed_percent=50, over_s=2), windows((0, 5), (0, 5)), None),  # too few to tell
        (AbortBound(failed=0), [], None),
    ],
)
def test_the_damage_decides_on_an_abort(bound: AbortBound, seen: list[Window], expected: str | None) -> None:
    found = abort.reason(bound, seen)
    assert found is None if expected is None else expected in str(found)


def test_a_client_that_left_is_no_damage() -> None:
    window = Window(0, 1, Counter({NONE: 5, CLIENT_GONE: 30, ERROR: 2}))
    assert (window.sent, window.failed) == (7, 2)


GOOD = Judged("lost", "0", 0.0, "requests", met=True)
BAD = Judged("lost", "0", 3.0, "requests", met=False, proven=True)
ABSENT = Judged("in_rotation_ms", "under 200", "no standby was promoted", "ms", met=False)


@pytest.mark.parametrize(
    ("judged", "facts", "unknown", "expected", "because"),
    [
        ([GOOD], Facts(), 0, "met", "everything expected holds"),
        ([GOOD, BAD], Facts(), 0, "not met", "lost is 3 requests (expected 0)"),
        ([GOOD], Facts(aborted="11 failed"), 0, "not met", "stopped early: 11 failed"),
        ([GOOD], Facts(recovered=False, recovery_within_s=60), 0, "not met", "not recovered within 60 s"),
        ([GOOD], Facts(broken_invariants=("x: y",)), 0, "not met", "an invariant is broken: x: y"),
        ([GOOD], Facts(invalid=("log cut",)), 0, "invalid", "log cut"),
        # What was counted stays broken, whatever else is missing; what is missing proves nothing.
        ([BAD], Facts(invalid=("log cut",)), 0, "not met", "lost is 3 requests (expected 0)"),
        ([BAD], Facts(invalid=("log cut",)), 0, "not met", "besides, the records are not whole: log cut"),
        ([ABSENT], Facts(invalid=("log cut",)), 0, "invalid", "no standby was promoted"),
        ([ABSENT], Facts(), 0, "not met", "no standby was promoted"),
        ([GOOD], Facts(invalid=("log cut",), aborted="11 failed"), 0, "not met", "11 failed"),
        # What a generator that fell behind lost may be its own loss.
        ([BAD], Facts(untrusted=("fell behind",)), 0, "invalid", "fell behind"),
        ([GOOD], Facts(), 2, "invalid", "what became of 2 requests"),
        ([GOOD, Judged("unknown", "at most 5", 2.0, "requests", met=True)], Facts(), 2, "met", "holds"),
        ([GOOD], Facts(not_run=("no load",), invalid=("x",)), 0, "could not run", "no load"),
        # What was lost before it ended half-way is lost.
        ([BAD], Facts(not_run=("no load",)), 0, "not met", "lost is 3 requests (expected 0)"),
        ([], Facts(not_run=("no end",), aborted="500 failed"), 0, "not met", "stopped early: 500 failed"),
        ([BAD], Facts(not_run=("no load",), untrusted=("fell behind",)), 0, "could not run", "no load"),
        ([ABSENT], Facts(not_run=("no load",), recovered=False), 0, "could not run", "no load"),
    ],
)
def test_the_verdict_follows_from_expectations_and_facts(
    judged: list[Judged], facts: Facts, unknown: float, expected: str, because: str
) -> None:
    found = judge.judge(judged, facts, unknown)
    assert found.verdict == expected
    assert any(because in one for one in found.because), found.because


@pytest.mark.parametrize(
    ("relation", "bound", "value", "met"),
    [
        ("equal", 0, 0, True),
        ("equal", 0, 1, False),
        ("under", 200, 199.9, True),
        ("under", 200, 200, False),
        ("at most", 200, 200, True),
        ("at least", 35, 34.9, False),
        ("above", 1, 2, True),
        ("under", 200, "no standby was promoted", False),
        ("under", 200, NO_SECOND, False),
        ("at least", 42, NOTHING_SENT, False),  # nothing was measured, and that is no good news
        ("under", 200, NO_STANDBY, True),  # what a topology cannot have is not asked of it
    ],
)
def test_an_expectation_is_held_against_its_measurement(
    relation: str, bound: float, value: float | str, met: bool
) -> None:
    (found,) = judge.judge_each([Expectation("in_rotation_ms", relation, bound)], {"in_rotation_ms": value})
    assert found.met is met


@pytest.mark.parametrize(
    ("measure", "relation", "bound", "value", "proven"),
    [
        ("lost", "equal", 0, 1, True),
        ("shed_percent", "at most", 1, 80, True),
        ("restarts", "at least", 1, 0, False),  # a journal that is not whole may lack it
        ("in_rotation_ms", "under", 200, 300, False),  # so may the promotion that came in time
        ("lost", "equal", 0, 0, False),
    ],
)
def test_only_what_was_counted_is_proven(
    measure: str, relation: str, bound: float, value: float, proven: bool
) -> None:
    (found,) = judge.judge_each([Expectation(measure, relation, bound)], {measure: value})
    assert found.proven is proven


@pytest.mark.parametrize(
    ("verdicts", "expected"),
    [
        (["met", "met"], "met"),
        (["met", "not met", "invalid"], "not met"),
        (["met", "invalid"], "invalid"),
        (["not applicable"], "not applicable"),
        ([], "could not run"),
    ],
)
def test_several_experiments_have_one_verdict(verdicts: list[str], expected: str) -> None:
    assert judge.overall(verdicts) == expected


@pytest.mark.parametrize(
    ("verdicts", "expected"),
    [
        (["met", "invalid"], "met"),  # by chance nothing was at stake in it, say; the table lists it
        (["met", "invalid", "invalid"], "invalid"),
        (["met", "met", "met", "not met"], "not met"),
        (["invalid"], "invalid"),
        (["could not run", "could not run"], "could not run"),
        ([], "could not run"),
    ],
)
def test_several_trials_of_a_scenario_have_one_verdict(verdicts: list[str], expected: str) -> None:
    assert judge.of_trials(verdicts) == expected


def test_exit_statuses() -> None:
    assert judge.STATUS == {"met": 0, "not met": 1, "could not run": 2, "not applicable": 2, "invalid": 3}


def measured(**more: object) -> Measured:
    values: dict[str, object] = {
        "ledger": {
            "sent": 100,
            "executed_twice": 1,
            "out_of_service_s": 0.12,
            "longest_outage_s": 0.08,
            "classes": {"served": 90, "lost_in_flight": 3, "shed": 4},
        },
        "story": {"phases": [{"name": "in rotation", "from": "commanded", "end_s": T0 + 0.05}]},
        "entries": journal(
            (-50, "action", {"action": "promote", "server": "predictor-3", "result": "ok"}),
            (20, "observation", {"server": "predictor-1", "change": {"health": ["up", "down"]}}),
            (25, "action", {"action": "promote", "server": "predictor-3", "result": "ok"}),
            (30, "action", {"action": "start", "server": "predictor-1", "result": "refused"}),
        ),
        "roles": ROLES,
        "targets": frozenset({"predictor-1"}),
        "zero_s": T0,
        "p99_ms": math.inf,
        "slowest_ms": 60.0,
        "lost_early": 2,
    }
    return Measured(**(values | more))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("lost", 3),
        ("lost_within_100ms", 2),
        ("lost_after_100ms", 1),
        ("shed", 4),
        ("served_percent", 90),
        ("out_of_service_ms", 120),
        ("longest_outage_ms", 80),
        ("in_rotation_ms", 50),
        ("out_of_rotation_ms", 20),
        ("promotions", 1),
        ("restarts", 0),
        ("p99_ms", "over 1 % of the requests got no prediction"),
        ("first_served_ms", "the standby served nothing"),
    ],
)
def test_a_measure_is_taken_from_the_records(name: str, expected: float | str) -> None:
    found = MEASURES[name].of(measured())
    assert found == (expected if isinstance(expected, str) else pytest.approx(expected, abs=0.01))


def test_a_promotion_is_not_asked_of_a_topology_without_a_standby() -> None:
    assert MEASURES["in_rotation_ms"].of(measured(roles=dict.fromkeys(ROLES, "active"))) == NO_STANDBY


def test_a_server_that_never_left_the_rotation_is_named() -> None:
    found = measures.MEASURES["out_of_rotation_ms"].of(measured(targets=frozenset({"predictor-2"})))
    assert found == "predictor-2 never left the rotation"


def around(folder: Path, planted: Planted) -> dict[str, float | str]:
    """Return the measures of planted records with the first fault at 5 s."""
    planted.fault(5, "inject")
    planted.save()
    ledger.build(folder)
    story.build(folder)
    at_stake = exposure.of(folder, [], ROLES)
    return measures.all_of(measures.measured(folder, [], ROLES, frozenset(), T0 + 5, exposure=at_stake))


def test_latencies_are_measured_around_the_fault(tmp_path: Path) -> None:
    """The second after is held against the slowest of the seconds before.

    Whoever got no reply is slower.
    """
    planted = Planted(tmp_path)
    for number in range(250):
        planted.request(number / 50, took_ms=20 if number % 50 == 25 else 10)
    for at_s, took_ms in ((4.98, 45), (5.5, 30), (6.5, 500)):
        planted.request(at_s, took_ms=took_ms)
    found = around(tmp_path, planted)
    assert found["above_usual_ms"] == pytest.approx(25, abs=0.1)
    assert found["slowest_ms"] == pytest.approx(500, abs=0.1)
    assert (found["lost"], found["sent"]) == (0, 253)
    assert found["in_rotation_ms"] == "no standby was promoted"
    assert set(found) == set(MEASURES)


def test_a_lost_request_is_slower_than_any_reply(tmp_path: Path) -> None:
    """Planted: the slow ones were lost, and the slowest of the second after looked usual."""
    planted = Planted(tmp_path)
    for number in range(300):
        planted.request(number / 50, took_ms=10)
    for number in range(4):
        planted.request(
            5.05 + number / 9, status=0, haproxy_status=503, termination="SC", executed=(), error="x"
        )
    found = around(tmp_path, planted)
    assert found["above_usual_ms"] == "a request got no prediction then"
    assert found["p99_ms"] == "over 1 % of the requests got no prediction"
    assert (found["lost_within_100ms"], found["lost_after_100ms"]) == (1, 3)


def test_the_slowest_of_a_second_is_usual_where_each_second_has_its_like(tmp_path: Path) -> None:
    """Planted: a slow request in every second.

    Against a p99 the second after the fault looked bad.
    """
    planted = Planted(tmp_path)
    for number in range(350):
        planted.request(number / 50, took_ms=80 if number % 50 == 25 else 10)
    found = around(tmp_path, planted)
    assert found["above_usual_ms"] == pytest.approx(0, abs=0.1)
    assert found["recovery_ms"] == 0


def test_clients_that_get_wrong_answers_are_not_well(tmp_path: Path) -> None:
    """Planted: status 200, in time and wrong for a second; the page said "served after 0 ms"."""
    planted = Planted(tmp_path)
    for number in range(500):
        at_s = number / 50
        planted.request(at_s, took_ms=10, probability=0.9 if 5 <= at_s < 6 else RIGHT)
    found = around(tmp_path, planted)
    assert found["wrong_answer"] == 50
    assert found["recovery_ms"] == pytest.approx(1000, abs=101)


def test_recovery_is_the_start_of_the_first_lasting_good_stretch(tmp_path: Path) -> None:
    """Planted: late for a second, well for three, late for a moment again."""
    planted = Planted(tmp_path)
    for number in range(500):
        at_s = number / 50
        slow = 5 <= at_s < 6 or 9 <= at_s < 9.2
        planted.request(at_s, took_ms=1500 if slow else 10)
    assert around(tmp_path, planted)["recovery_ms"] == pytest.approx(4200, abs=101)
