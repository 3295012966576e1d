"""What the controller does, seen through its interface, HAProxy's and Docker's alone.

Three of these tests are witnesses: they send requests of their own, use none of the tool's code,
and say whether the tool's verdicts can be believed. The scenarios themselves are in
test_scenarios.py.
"""

from __future__ import annotations

import time

import pytest

from driver import (
    STATS,
    container,
    crowd,
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
TWO = "2-active"


def decisions(after: int, action: str) -> list[dict[str, object]]:
    return [e for e in journal(after) if e["event"] == "decision" and e["action"] == action]


# --- three witnesses, with requests of their own ---


@pytest.mark.parametrize("up", [TWO], indirect=True)
def test_a_standby_takes_the_place_of_a_killed_active(up: str) -> None:
    """No request is lost, the journal has the reason, and at the end all is in its place."""
    before = last_sequence()
    with load(30) as outcome:
        time.sleep(1)
        kill("predictor-1")
        eventually(lambda: decisions(before, "promote"), 20, "the standby is promoted")
        wait_until_steady()
        time.sleep(1)
    assert outcome.failed == []
    (promoted,) = decisions(before, "promote")
    assert promoted["server"] == "predictor-3"
    assert "predictor-1" in str(promoted["reason"])
    assert {"predictor-2", "predictor-3"} <= {name for _, _, name, _ in outcome.outcomes}, "both served"
    assert [d["server"] for d in decisions(before, "demote")] == ["predictor-3"]
    assert "predictor-1" in [d["server"] for d in decisions(before, "start")]


@pytest.mark.parametrize("up", ["single", TWO], indirect=True)
def test_all_killed_come_back(up: str) -> None:
    names = [s["name"] for s in state()["servers"]]
    with load(10) as outcome:
        time.sleep(0.5)
        kill(*names)
        eventually(lambda: not any(s["health"] == "up" for s in state()["servers"]), what="nobody is healthy")
        known_s = time.time()
        wait_until_steady()
        time.sleep(1)
    assert {status for status, *_ in outcome.failed} <= {0, 502, 503}, "a clear refusal"
    assert outcome.failed, "nobody was there to serve"
    # What was already on a reused connection to a server that died: HAProxy closes the client's
    # connection without an answer, HTTP's sign for "try again".
    assert all(sent_s < known_s for status, _, _, sent_s in outcome.failed if status == 0)
    assert max(outcome.outcomes, key=lambda one: one[3])[0] == 200, "the last one sent is served"


@pytest.mark.parametrize("up", [TWO], indirect=True)
def test_traffic_does_not_need_the_controller(up: str) -> None:
    """It dies, the actives die: the standby serves.

    It comes back, learns the present, and repairs it.
    """
    kill("controller")
    with load(15) as outcome:
        time.sleep(0.5)
        kill("predictor-1", "predictor-2")
        eventually(lambda: stats()["predictors/BACKEND"]["status"] == "DOWN")
        noticed_s = time.time()
        time.sleep(2)
        late = [one for one in outcome.failed if one[3] > noticed_s]
        assert late == [], "once HAProxy knows that no active server is left, the fallback serves"
        docker("start", container("controller"))
        wait_until_steady()
    assert stats()["predictors/predictor-3"]["weight"] == "0"


# --- what no scenario asks ---


@pytest.mark.parametrize("up", [TWO], indirect=True)
def test_a_server_stopped_on_purpose_stays_stopped(up: str) -> None:
    docker("stop", container("predictor-2"))
    eventually(lambda: in_rotation() == {"predictor-1", "predictor-3"})
    time.sleep(2)  # several times the pauses after which it starts what died
    assert server("predictor-2")["container"] == "exited"
    assert "stays stopped" in server("predictor-2")["reason"]
    docker("start", container("predictor-2"))
    wait_until_steady()


@pytest.mark.parametrize("up", [TWO], indirect=True)
def test_a_controller_killed_after_a_promotion_demotes_when_it_is_back(up: str) -> None:
    docker("stop", container("predictor-1"))
    eventually(lambda: "predictor-3" in in_rotation())
    kill("controller")
    docker("start", container("controller"), container("predictor-1"))
    wait_until_steady()
    assert in_rotation() == {"predictor-1", "predictor-2"}


@pytest.mark.parametrize("up", [TWO], indirect=True)
def test_haproxy_restarts_and_the_controller_goes_on(up: str) -> None:
    """A fresh HAProxy has the declared weights; what had been decided is decided again."""
    docker("stop", container("predictor-1"))
    eventually(lambda: "predictor-3" in in_rotation())
    docker("restart", container("haproxy"))
    eventually(
        lambda: stats()["predictors/predictor-3"]["weight"] == "100", what=f"promoted again, see {STATS}"
    )
    docker("start", container("predictor-1"))
    wait_until_steady()


@pytest.mark.parametrize("up", [TWO], indirect=True)
def test_saturation_promotes_the_standby_and_its_end_demotes_it(up: str) -> None:
    """As many clients as it takes, however fast they are.

    Both servers are full as long as they stay.
    """
    before = last_sequence()
    downs = {name: row["chkdown"] for name, row in stats().items()}
    with crowd(40):
        promoted = eventually(lambda: decisions(before, "promote"), what="a promotion")
        assert "saturated" in str(promoted[0]["reason"])
    wait_until_steady()
    assert decisions(before, "demote"), "the standby went back"
    assert decisions(before, "start") + decisions(before, "restart") == [], "overload is not failure"
    assert {name: row["chkdown"] for name, row in stats().items()} == downs


@pytest.mark.parametrize("up", [TWO], indirect=True)
def test_a_hung_server_is_replaced_and_restarted(up: str) -> None:
    before = last_sequence()
    docker("pause", container("predictor-1"))
    eventually(lambda: "predictor-3" in in_rotation(), what="the standby is in rotation")
    eventually(lambda: decisions(before, "restart"), 60, "the controller restarts it")
    wait_until_steady()
    assert [d["server"] for d in decisions(before, "restart")] == ["predictor-1"]
