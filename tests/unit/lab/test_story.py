"""The budget against planted delays: each appears in its phase, and in no other.

And the requests' part.
"""

import argparse
import json
from pathlib import Path

import duckdb
import pytest

from lab.commands import ledger as command
from lab.facts import clock, ledger, story
from lab.records.folder import STORY
from lab.settings import Settings
from unit.lab.journal_entries import signalled
from unit.lab.planted_records import T0, Planted, acted, decided, observed, phase, told


@pytest.fixture
def planted(tmp_path: Path) -> Planted:
    return Planted(tmp_path)


def failover(planted: Planted, *, promotion_ms: float = 2.0) -> Path:
    """Plant a kill at T0: noticed after 18 ms, decided after 19, promoted `promotion_ms` later."""
    done = 19.0 + promotion_ms
    planted.fault(0.0, "inject")
    planted.fault(0.15, "effect")
    planted.fault(3.0, "ended")
    planted.journal = told(
        signalled(-500, "tripwire", "tripwire_ended", "an old one"),
        signalled(18, "tripwire", "tripwire_ended", "connection ended, then refused"),
        observed(18.5, "predictor-1", health="down", tripwire="refused"),
        decided(19, "promote", "predictor-3"),
        acted(done, "promote", "predictor-3", took_ms=promotion_ms - 0.5),
        observed(done + 1, "predictor-3", weight=100),
        (done + 2, "confirmed", {"action": "promote", "server": "predictor-3", "took_ms": 3.0}),
    )
    for number in range(100):
        planted.request(number / 10 - 5, server="predictor-2")
    planted.request(0.0, took_ms=60, retries="+1", server="predictor-2")
    planted.request(done / 1000, server="predictor-3", took_ms=30)
    planted.sample(-0.1, steady=True)
    for at_s, steady in ((0.2, False), (4.0, True), (5.0, False), (7.75, False), (8.0, True), (9.0, True)):
        planted.sample(at_s, steady=steady)
    planted.sample(9.25, steady=False)  # a standby helps with a burst, long after the recovery
    folder = planted.save()
    ledger.build(folder)
    return folder


def durations(made: story.Story) -> dict[str, float]:
    return {phase.name: round(phase.duration_ms, 1) for phase in made.phases}


def test_each_phase_of_a_failover_has_its_time_and_its_source(planted: Planted) -> None:
    made = story.build(failover(planted))
    assert durations(made) == {
        "first client affected": 60.0,
        "first sign": 18.0,
        "detected": 0.5,
        "decided": 0.5,
        "commanded": 0.5,
        "in rotation": 1.5,
        "first served": pytest.approx(30.3, abs=0.2),
        "steady again": pytest.approx(7948.7, abs=0.2),
    }
    assert made.injected_s == T0
    assert made.total_ms == pytest.approx(8000)
    sign = phase(made, "first sign")
    assert sign is not None
    assert (sign.from_, sign.server) == ("injected", "predictor-1")
    assert sign.at_ms == pytest.approx(18, abs=0.01)
    assert sign.source == "journal.jsonl: tripwire: connection ended, then refused"
    chain = [phase for phase in made.phases if phase.name != "first client affected"]
    assert sum(phase.duration_ms for phase in chain) == pytest.approx(made.total_ms)
    steady = phase(made, "steady again")
    assert steady is not None
    assert steady.uncertainty_ms == pytest.approx(252.3, abs=0.1), "250 between samples"
    assert any("seen in effect 150 ms after" in note for note in made.notes)
    written = json.loads((planted.folder / STORY).read_text())
    assert written["phases"][1]["from"] == "injected"
    assert written["total_ms"] == made.total_ms


def test_a_planted_promotion_delay_of_250_ms_appears_in_its_phase(planted: Planted, tmp_path: Path) -> None:
    """It is HAProxy that took so long to accept the promotion.

    The other phases are as without the delay.
    """
    slow = story.build(failover(planted, promotion_ms=252.0))
    other = tmp_path / "other"
    other.mkdir()
    usual = story.build(failover(Planted(other)))
    extra = {name: took - durations(usual)[name] for name, took in durations(slow).items()}
    assert extra.pop("in rotation") == pytest.approx(250, abs=10)
    assert extra.pop("steady again") == pytest.approx(-250, abs=10), "steady at the same moment"
    assert all(abs(more) < 1 for more in extra.values()), extra


def test_where_nobody_is_promoted_the_decision_is_to_mark_the_server_down(planted: Planted) -> None:
    planted.fault(0.0, "inject", name="errors")
    what = "HAProxy's look at the traffic took predictor-1 out: HANA Detected 10 consecutive errors"
    planted.journal = told(
        signalled(400, "traffic", "traffic_errors", what),
        decided(401, "mark_down", "predictor-1"),
        acted(402, "mark_down", "predictor-1"),
    )
    planted.request(-1)
    folder = planted.save()
    ledger.build(folder)
    made = story.build(folder)
    assert durations(made) == {"first sign": 400, "detected": 1, "decided": 0, "commanded": 0}
    assert {phase.server for phase in made.phases} == {"predictor-1"}
    assert (
        "no request was retried, late, wrong or lost since the fault, and shedding did not begin then"
        in made.notes
    )


@pytest.mark.parametrize(("shed_before", "affected_ms"), [(False, 32.0), (True, None)])
def test_shedding_affects_clients_where_nobody_was_shed_before(
    planted: Planted, *, shed_before: bool, affected_ms: float | None
) -> None:
    """In an overload it is not the fault that sheds."""
    planted.fault(0.0, "inject")
    planted.request(-1, status=429 if shed_before else 200)
    planted.request(0.03, status=429, took_ms=2)
    folder = planted.save()
    ledger.build(folder)
    made = story.build(folder)
    affected = phase(made, "first client affected")
    assert (round(affected.at_ms, 1) if affected else None) == affected_ms


def test_good_news_detects_nothing(planted: Planted) -> None:
    """A tripwire that connects and a container that starts are signals, too."""
    planted.fault(0.0, "inject")
    news = (
        (5, "tripwire", "tripwire_connected"),
        (6, "docker", "started"),
        (7, "docker", "unpaused"),
        (40, "docker", "paused"),
    )
    planted.journal = told(*(signalled(ms, source, kind) for ms, source, kind in news))
    planted.request(-1)
    folder = planted.save()
    ledger.build(folder)
    assert durations(story.build(folder)) == {"first sign": 40.0}


def test_without_a_fault_there_is_no_budget(planted: Planted) -> None:
    planted.request(0)
    folder = planted.save()
    ledger.build(folder)
    made = story.build(folder)
    assert (made.phases, made.total_ms, made.notes) == ((), None, ("no fault was injected",))


@pytest.mark.parametrize(("off_ms", "contradictory"), [(0.0, False), (-3.0, True)])
def test_requests_bound_the_difference_of_clocks(
    planted: Planted, off_ms: float, *, contradictory: bool
) -> None:
    """HAProxy has each request 0.3 ms after it was sent, by a time that may be 1 ms early.

    It ends it 0.3 ms after the client, by which the clocks differ at least; `off_ms` is how far
    they have moved by a second request.
    """
    planted.request(0)
    planted.fault(0, "inject")
    name = planted.request(1, logged=False)
    planted.log(name, 1.0003 + off_ms / 1000)
    folder = planted.save()
    ledger.build(folder)
    with duckdb.connect() as db:
        db.read_parquet(str(folder / "ledger.parquet")).create_view("ledger")
        skew = clock.skew(db)
        assert skew.at_least_ms == pytest.approx(0.3, abs=0.01)
        assert skew.at_most_ms == pytest.approx(1.3 + off_ms, abs=0.01)
        expected = None if contradictory else pytest.approx(1.3, abs=0.01)
        assert skew.uncertainty_ms == expected
    words = "differ is unknown: by some requests" if contradictory else "agree within 1.3 ms"
    assert words in story.build(folder).notes[-1]


def test_contradicting_clocks_leave_the_client_s_time_unknown(planted: Planted) -> None:
    """A length between two clocks that are not known to agree has no uncertainty to be claimed."""
    planted.fault(0.0, "inject")
    planted.log(planted.request(1, logged=False), 0.9)
    planted.log(planted.request(2, logged=False, took_ms=60), 2.1)
    planted.request(0.01, retries="+1", server="predictor-2")
    folder = planted.save()
    ledger.build(folder)
    made = story.build(folder)
    affected = phase(made, "first client affected")
    assert affected is not None
    assert affected.uncertainty_ms is None


def test_the_requests_around_a_failure_are_counted_by_the_ledger_s_classes(planted: Planted) -> None:
    """In progress at the fault or due before it is steady again.

    Slowest and usual by the same statistic.
    """
    planted.fault(0.0, "inject")
    for number in range(50):
        planted.request(number / 10 - 5.05, took_ms=20 + number % 10)
    planted.request(-0.01, took_ms=40, name="in-progress")
    planted.request(0.1, took_ms=90, retries="+1", name="retried")
    planted.request(0.2, took_ms=3, status=429)
    planted.request(
        0.3, took_ms=5, status=502, server="haproxy", termination="SH", haproxy_server="predictor-1"
    )
    planted.request(0.4, took_ms=5, status=404)
    planted.request(1.5, took_ms=1500, name="late")
    planted.request(9.0, name="after")
    for at_s, steady in ((0.2, False), (8.0, True), (9.0, True)):
        planted.sample(at_s, steady=steady)
    folder = planted.save()
    ledger.build(folder)
    around = story.build(folder).requests
    assert around is not None
    assert around.seconds == pytest.approx(8)
    assert (around.sent, around.served, around.late, around.refused, around.lost) == (6, 2, 1, 1, 1)
    assert (around.retried, around.others) == (1, {"rejected": 1})
    assert (around.slowest_ms, around.slowest_id) == (1500, "late")
    assert (around.first_second_ms, around.usual_ms) == (None, 29), "one was lost in the first second"


def test_the_command_derives_everything_again(planted: Planted, capsys: pytest.CaptureFixture[str]) -> None:
    """From the other files alone: the three JSON files are written anew, and printed in short."""
    planted.request(1, status=502, server="haproxy", termination="SH")
    folder = failover(planted)
    names = ("ledger.json", "ledger.parquet")
    for name in names:
        (folder / name).unlink()
    status = command.run(command_arguments(folder), Settings())
    shown = capsys.readouterr().out
    assert status == 0
    assert {*names, "story.json", "invariants.json"} <= {path.name for path in folder.iterdir()}
    assert "lost_in_flight" in shown
    assert "in rotation" in shown
    assert "valid    topology restored" in shown


def command_arguments(folder: Path) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    command.add_arguments(parser)
    return parser.parse_args([str(folder)])
