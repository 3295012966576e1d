"""What was at stake: requests on a struck server, or sent to it until it was out of rotation."""

from pathlib import Path
from typing import Any

import pytest

from lab.facts import exposure, ledger
from unit.lab.journal_entries import ROLES
from unit.lab.planted_records import Planted, acted, observed, told

BALANCER_FAILED: dict[str, Any] = {"status": 0, "haproxy_status": 503, "termination": "SC", "error": "closed"}


def load(planted: Planted, servers: tuple[str, ...] = ("predictor-1", "predictor-2")) -> None:
    """Plant 5 s of requests, each server's share in turn, 20 ms each; none after 2.9 s."""
    for number in range(145):
        planted.request(number / 50, server=servers[number % len(servers)])


def killed_at_3(folder: Path, planted: Planted, target: str = "predictor-1") -> dict[str, Any]:
    """Kill a server 3 s after the start; it is out of rotation 20 ms later, and healthy at 6 s."""
    planted.fault(3, "inject", target)
    planted.fault(3.1, "effect", target)
    planted.fault(6, "ended", target)
    weight = 0 if ROLES[target] == "standby" else 100
    planted.journal = told(
        acted(3015, "promote", "predictor-3"),
        acted(3018, "mark_down", target),
        observed(3020, target, health="down", weight=weight),
        observed(6000, target, health="up"),
    )
    planted.save()
    ledger.build(folder)
    return exposure.of(folder, planted.journal, ROLES)


def test_requests_on_a_struck_server_and_sent_to_it_are_exposed(tmp_path: Path) -> None:
    """In flight and answered; retried elsewhere; sent and lost.

    Those of the other server are not.
    """
    planted = Planted(tmp_path)
    load(planted)
    planted.request(2.99, server="predictor-1")
    planted.request(2.985, server="predictor-2")
    planted.request(2.995, server="predictor-2", retries="+1", took_ms=40)
    planted.request(3.01, server="predictor-3", retries="+1", took_ms=1500)
    planted.request(3.01, server="predictor-1", **BALANCER_FAILED, executed=())
    planted.request(4.0, server="predictor-2", retries="+1")  # long after it was out of rotation
    found = killed_at_3(tmp_path, planted)
    (stroke,) = found["strokes"]
    assert (stroke["target"], stroke["until"], stroke["exempt"]) == ("predictor-1", "out of rotation", "")
    assert stroke["until_s"] - stroke["struck_s"] == pytest.approx(0.018, abs=1e-5)
    wanted = {"exposed": 4, "served": 1, "saved_by_retry": 1, "late": 1, "lost": 1}
    assert {key: found["total"][key] for key in wanted} == wanted
    assert not exposure.nothing_at_stake(found)


def test_a_kill_of_a_server_that_got_no_traffic_proves_nothing(tmp_path: Path) -> None:
    """Planted: all traffic went to the other server, and the kill was met on all expectations."""
    planted = Planted(tmp_path)
    load(planted, ("predictor-2",))
    found = killed_at_3(tmp_path, planted)
    assert found["total"]["exposed"] == 0
    assert exposure.nothing_at_stake(found).startswith("nothing was at stake")


def test_a_standby_has_nothing_at_stake_and_need_not(tmp_path: Path) -> None:
    planted = Planted(tmp_path)
    load(planted)
    found = killed_at_3(tmp_path, planted, "predictor-3")
    assert found["strokes"][0]["exempt"] == "parked, or out of rotation already"
    assert not exposure.nothing_at_stake(found)


def test_a_fault_of_the_controller_is_exempt(tmp_path: Path) -> None:
    planted = Planted(tmp_path)
    load(planted)
    planted.fault(1, "inject", "controller")
    planted.save()
    ledger.build(tmp_path)
    found = exposure.of(tmp_path, told(), ROLES)
    assert found["strokes"][0]["exempt"] == "no server was struck"
    assert not exposure.nothing_at_stake(found)


def test_a_server_that_never_leaves_has_something_at_stake_until_the_fault_ends(tmp_path: Path) -> None:
    planted = Planted(tmp_path)
    load(planted)
    planted.fault(1, "inject", name="latency")
    planted.fault(2, "undo", name="latency")
    planted.fault(2.1, "ended", name="latency")
    planted.save()
    ledger.build(tmp_path)
    (stroke,) = exposure.of(tmp_path, told(), ROLES)["strokes"]
    assert stroke["until"] == "the fault's end"
    assert stroke["exposed"] == stroke["served"] == pytest.approx(26, abs=1)


def test_a_retried_request_counts_once_where_two_servers_were_struck(tmp_path: Path) -> None:
    """Which of the two had it first no record tells."""
    planted = Planted(tmp_path)
    load(planted)
    planted.fault(3, "inject", "predictor-2")
    planted.request(2.99, server="predictor-3", retries="+1", took_ms=40)
    found = killed_at_3(tmp_path, planted)
    assert [stroke["exposed"] for stroke in found["strokes"]] == [1, 1]
    assert (found["total"]["exposed"], found["total"]["saved_by_retry"]) == (1, 1)
