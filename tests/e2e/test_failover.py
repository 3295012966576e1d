"""Every topology under traffic while its servers die; rows are (topology, who is killed)."""

from __future__ import annotations

import time

import pytest

from driver import (
    STATS,
    container,
    docker,
    eventually,
    in_rotation,
    journal,
    kill,
    last_sequence,
    load,
    server,
    state,
    stats,
    wait_until_steady,
)

pytestmark = pytest.mark.e2e
TWO, THREE, SIX = "2-active", "3-active", "4-active-2-standby"


def decisions(after: int, action: str) -> list[dict[str, object]]:
    return [e for e in journal(after) if e["event"] == "decision" and e["action"] == action]


@pytest.mark.parametrize(
    ("up", "victims", "stand_in"),
    [
        (TWO, ["predictor-1"], {"predictor-3"}),
        (SIX, ["predictor-2"], {"predictor-5"}),
        (SIX, ["predictor-1", "predictor-3"], {"predictor-5", "predictor-6"}),
    ],
    indirect=["up"],
)
def test_a_standby_takes_the_place_of_each_killed_active(
    up: str, victims: list[str], stand_in: set[str]
) -> None:
    """No request is lost, the reason is said, and at the end everything is where it was declared to be."""
    before = last_sequence()
    with load(30) as outcome:
        time.sleep(1)
        kill(*victims)
        eventually(lambda: stand_in <= in_rotation(), 5, "the standby is in rotation")
        time.sleep(2)
    assert outcome.failed == []
    promoted = decisions(before, "promote")
    assert {str(d["server"]) for d in promoted} == stand_in
    assert all(any(victim in str(d["reason"]) for victim in victims) for d in promoted)
    assert stand_in & {name for _, _, name, _ in outcome.outcomes}, "the stand-in served"
    wait_until_steady()
    assert {str(d["server"]) for d in decisions(before, "demote")} == stand_in
    assert {str(d["server"]) for d in decisions(before, "start")} >= set(victims)


@pytest.mark.parametrize("up", [THREE], indirect=True)
@pytest.mark.parametrize("victims", [["predictor-1"], ["predictor-1", "predictor-2"]])
def test_survivors_carry_the_load_where_nobody_stands_by(up: str, victims: list[str]) -> None:
    before = last_sequence()
    with load(20) as outcome:
        time.sleep(1)
        kill(*victims)
        time.sleep(2)
    assert outcome.failed == []
    wait_until_steady()
    assert {str(d["server"]) for d in decisions(before, "start")} == set(victims)


@pytest.mark.parametrize("up", [TWO], indirect=True)
def test_both_actives_killed_leave_the_standby_serving(up: str) -> None:
    with load(20) as outcome:
        time.sleep(1)
        kill("predictor-1", "predictor-2")
        eventually(lambda: "predictor-3" in in_rotation(), 5, "the standby is in rotation")
        there_s = time.time()
        time.sleep(2)
    # With every active gone at once, a request may have spent its retries before the standby was there.
    assert len(outcome.failed) <= 10
    assert [one for one in outcome.failed if one[3] > there_s] == []
    assert outcome.outcomes[-1][0] == 200
    wait_until_steady()


@pytest.mark.parametrize("up", [TWO], indirect=True)
def test_a_killed_standby_is_started_again_and_costs_nothing(up: str) -> None:
    before = last_sequence()
    with load(20) as outcome:
        time.sleep(0.5)
        kill("predictor-3")
        eventually(lambda: decisions(before, "start"), 5)
        time.sleep(1)
    assert outcome.failed == []
    assert decisions(before, "promote") == []
    wait_until_steady()


@pytest.mark.parametrize("up", ["single", TWO, THREE], indirect=True)
def test_all_killed_come_back(up: str) -> None:
    names = [s["name"] for s in state()["servers"]]
    with load(10) as outcome:
        time.sleep(0.5)
        kill(*names)
        killed_s = time.time()
        eventually(lambda: not any(s["health"] == "up" for s in state()["servers"]), 5, "nobody is healthy")
        wait_until_steady()
        time.sleep(1)
    assert {status for status, *_ in outcome.failed} <= {0, 502, 503}, "a clear refusal, and at once"
    # What was already on a reused connection to a server that died: HAProxy closes the client's connection
    # without an answer, HTTP's sign for "try again".
    assert all(sent_s < killed_s + 0.5 for status, _, _, sent_s in outcome.failed if status == 0)
    assert outcome.outcomes[-1][0] == 200
    assert max(latency for _, latency, _, _ in outcome.failed) < 2


@pytest.mark.parametrize("up", [TWO], indirect=True)
def test_a_server_stopped_on_purpose_stays_stopped(up: str) -> None:
    docker("stop", container("predictor-2"))
    eventually(lambda: in_rotation() == {"predictor-1", "predictor-3"}, 10)
    time.sleep(3)
    assert server("predictor-2")["container"] == "exited"
    assert "stays stopped" in server("predictor-2")["reason"]
    docker("start", container("predictor-2"))
    wait_until_steady()


@pytest.mark.parametrize("up", [TWO], indirect=True)
def test_traffic_does_not_need_the_controller(up: str) -> None:
    """It dies, the actives die: the standby serves; it comes back, learns the present, and repairs it."""
    kill("controller")
    with load(15) as outcome:
        time.sleep(0.5)
        kill("predictor-1", "predictor-2")
        eventually(lambda: stats()["predictors/BACKEND"]["status"] == "DOWN", 5)
        noticed_s = time.time()
        time.sleep(2)
        late = [one for one in outcome.failed if one[3] > noticed_s]
        assert late == [], "once HAProxy knows that no active server is left, the fallback serves"
        docker("start", container("controller"))
        wait_until_steady()
    assert stats()["predictors/predictor-3"]["weight"] == "0"


@pytest.mark.parametrize("up", [TWO], indirect=True)
def test_a_controller_killed_after_a_promotion_demotes_when_it_is_back(up: str) -> None:
    docker("stop", container("predictor-1"))
    eventually(lambda: "predictor-3" in in_rotation(), 5)
    kill("controller")
    docker("start", container("controller"), container("predictor-1"))
    wait_until_steady()
    assert in_rotation() == {"predictor-1", "predictor-2"}


@pytest.mark.parametrize("up", [TWO], indirect=True)
def test_haproxy_restarts_and_the_controller_goes_on(up: str) -> None:
    """A fresh HAProxy has the declared weights; what had been decided is decided again."""
    docker("stop", container("predictor-1"))
    eventually(lambda: "predictor-3" in in_rotation(), 5)
    docker("restart", container("haproxy"))
    eventually(
        lambda: stats()["predictors/predictor-3"]["weight"] == "100", 15, f"promoted again, see {STATS}"
    )
    docker("start", container("predictor-1"))
    wait_until_steady()


@pytest.mark.parametrize("up", [TWO], indirect=True)
def test_saturation_promotes_the_standby_and_its_end_demotes_it(up: str) -> None:
    before = last_sequence()
    downs = {name: row["chkdown"] for name, row in stats().items()}
    with load(200):
        promoted = eventually(lambda: decisions(before, "promote"), 10, "a promotion")
        assert "saturated" in str(promoted[0]["reason"])
        time.sleep(3)
    wait_until_steady()
    assert decisions(before, "demote"), "the standby went back"
    assert decisions(before, "start") + decisions(before, "restart") == [], "overload is not failure"
    assert {name: row["chkdown"] for name, row in stats().items()} == downs


@pytest.mark.parametrize("up", [TWO], indirect=True)
def test_a_hung_server_is_replaced_and_restarted(up: str) -> None:
    before = last_sequence()
    with load(20) as outcome:
        time.sleep(0.5)
        docker("pause", container("predictor-1"))
        eventually(lambda: "predictor-3" in in_rotation(), 8)
        eventually(lambda: decisions(before, "restart"), 40, "the controller restarts it")
    assert outcome.failed == []
    wait_until_steady()
