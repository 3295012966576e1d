"""No scenario's bounds are so wide that nothing breaks them.

A good run is met, each planted bad one is not.

The requests are planted in the records and go through ledger and measures. What a scenario expects
beside them (promotions, restarts) is taken as kept, so that it is the requests that break it.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from lab.experiment import parse, scenario
from lab.experiment.scenario import Scenario
from lab.facts import exposure, judge, ledger, measures, story
from lab.facts.judge import Facts
from lab.facts.measures import Expectation
from unit.lab.journal_entries import ROLES, T0
from unit.lab.planted_records import Planted

FILES = scenario.files(Path("/nonexistent"))
RATE_PER_S, ZERO_S, END_S = 40, 5.0, 25.0
FROM_REQUESTS = {
    "lost", "lost_within_100ms", "lost_after_100ms", "lost_percent", "shed", "shed_percent", "late",
    "late_percent", "served_percent", "unknown", "wrong_answer", "out_of_service_ms", "longest_outage_ms",
    "p99_ms", "slowest_ms", "above_usual_ms", "recovery_ms",
}  # fmt: skip
OVERLOADS = ("overload", "fault-during-overload")
LONG = {"kill-all": 9.0}
"""Scenarios in which nobody can serve for some time: how long an outage is too long for them."""
Values = dict[str, float | str]
Measure = Callable[[str, float], Values]


def plant(folder: Path, kind: str, length_s: float) -> Values:
    """Plant requests of which some go wrong from the fault on; return all measures."""
    planted = Planted(folder)
    for number in range(round(END_S * RATE_PER_S)):
        at_s = number / RATE_PER_S
        _request(planted, kind, at_s, number, bad=ZERO_S <= at_s < ZERO_S + length_s)
    planted.fault(ZERO_S, "inject")
    planted.fault(ZERO_S + 1, "ended")
    planted.save()
    ledger.build(folder)
    story.build(folder)
    at_stake = exposure.of(folder, [], ROLES)
    zero_s = T0 + ZERO_S
    return measures.all_of(measures.measured(folder, [], ROLES, frozenset(), zero_s, exposure=at_stake))


def _request(planted: Planted, kind: str, at_s: float, number: int, *, bad: bool) -> None:
    lost = {"status": 503, "haproxy_status": 503, "termination": "SC", "haproxy_server": "<NOSRV>"}
    if not bad:
        planted.request(at_s)
    elif kind == "overloaded":  # three times what is served, for 10 s: one of three, and the rest refused
        planted.request(at_s)
        for extra in range(1, 3):
            _refused(planted, at_s + extra / 1000)
    elif kind == "refused" and number % 5:
        _refused(planted, at_s)
    elif kind == "lost" and number % 2 == 0:
        planted.request(at_s, server="haproxy", executed=(), took_ms=5, **lost)  # type: ignore[arg-type]
    elif kind == "late":
        planted.request(at_s, took_ms=1500)
    elif kind == "frozen":  # everybody waits for the end of it
        planted.request(at_s, took_ms=1000 * (ZERO_S + 4.9 - at_s) + 20)
    else:
        planted.request(at_s)


def _refused(planted: Planted, at_s: float) -> None:
    planted.request(at_s, status=429, server="haproxy", termination="PR", executed=(), took_ms=1)


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> Measure:
    """Plant each kind of run once; all scenarios are judged by it."""
    done: dict[tuple[str, float], Values] = {}

    def measure(kind: str, length_s: float) -> Values:
        if (kind, length_s) not in done:
            done[kind, length_s] = plant(tmp_path_factory.mktemp(kind), kind, length_s)
        return done[kind, length_s]

    return measure


def kept(expected: Expectation) -> float:
    """Return a value that keeps a bound."""
    return expected.bound + {"under": -1, "above": 1}.get(expected.relation, 0)


def judged(found: Scenario, values: Values) -> judge.Verdict:
    others = {each.measure: kept(each) for each in found.expect if each.measure not in FROM_REQUESTS}
    return judge.judge(judge.judge_each(found.expect, {**values, **others}), Facts())


def read(name: str) -> Scenario:
    return parse.read(FILES[name])


@pytest.mark.parametrize("name", FILES)
def test_a_good_run_is_met(name: str, measured: Measure) -> None:
    kind, length_s = ("overloaded", 10.0) if name in OVERLOADS else ("good", 0.0)
    found = judged(read(name), measured(kind, length_s))
    assert found.verdict == "met", found.because


BAD = [("refused", 5.5), ("lost", 5.0), ("late", 5.0), ("frozen", 4.9)]


@pytest.mark.parametrize(("kind", "length_s"), BAD, ids=[kind for kind, _ in BAD])
@pytest.mark.parametrize("name", [name for name in FILES if name not in (*LONG, *OVERLOADS)])
def test_a_bad_run_is_not_met(name: str, kind: str, length_s: float, measured: Measure) -> None:
    """80 % refused for 5.5 s; every second lost for 5 s; all late for 5 s; all frozen for 4.9 s."""
    assert judged(read(name), measured(kind, length_s)).verdict == "not met"


@pytest.mark.parametrize("kind", ["refused", "lost", "late"])
@pytest.mark.parametrize("name", LONG)
def test_an_outage_that_nothing_can_avoid_has_its_end(name: str, kind: str, measured: Measure) -> None:
    assert judged(read(name), measured(kind, LONG[name])).verdict == "not met"


@pytest.mark.parametrize("name", OVERLOADS)
@pytest.mark.parametrize("kind", ["good", "lost", "late", "frozen"])
def test_an_overload_has_to_take_place_and_to_be_borne(name: str, kind: str, measured: Measure) -> None:
    """Planted: the overload was met without an overload."""
    assert judged(read(name), measured(kind, 10.0)).verdict == "not met"


@pytest.mark.parametrize("name", FILES)
def test_every_scenario_bounds_lost_shed_late_and_outage(name: str) -> None:
    bounded = {each.measure for each in read(name).expect if each.relation in ("equal", "at most", "under")}
    assert bounded & {"lost", "lost_percent", "lost_after_100ms"}
    assert bounded & {"shed", "shed_percent"} or {"served_percent"} & {
        each.measure for each in read(name).expect
    }
    assert bounded & {"late", "late_percent"}
    assert "out_of_service_ms" in bounded
