"""What a look back adds to a snapshot: since when, and which evidence still counts."""

from dataclasses import replace

import pytest

from controller.model import (
    Container,
    HaproxyServer,
    HaproxyView,
    Link,
    LinkState,
    Observation,
    Order,
    Policy,
    Snapshot,
)
from controller.observe import changes, observe
from unit.controller.scene import NOW, row

POLICY = Policy(reserve=0.3)
ADDRESS = "10.0.0.1:8000"
RUNNING = Container("running", since=0.0, started_at=0.0)


def snapshot(
    *rows: HaproxyServer, link: Link | None = None, container: Container | None = RUNNING, queue: int = 0
) -> Snapshot:
    """One moment in which all that is not said is well."""
    return Snapshot(
        haproxy=HaproxyView(rows or (row(1),), queue),
        links={"predictor-1": link or Link(LinkState.CONNECTED, ADDRESS, 0.0)},
        containers={"predictor-1": container} if container else {},
        engine_reachable=True,
    )


def refused(at: float) -> Link:
    return Link(LinkState.REFUSED, ADDRESS, at, "refused connections")


def up_since_long(**more: object) -> Observation:
    return observe(None, snapshot(), POLICY, NOW)


UP = row(1)
JUST_UP = replace(row(1), last_change_s=0)
DOWN = replace(row(1), up=False, last_change_s=3)
DOWN_BEFORE = observe(None, snapshot(DOWN), POLICY, NOW)

EVIDENCE = [
    ("a fresh refusal", UP, refused(NOW + 1), RUNNING, "refused connections"),
    (
        "a refusal for an address that HAProxy no longer uses",
        UP,
        replace(refused(NOW + 1), address="old"),
        RUNNING,
        "",
    ),
    (
        "a container that just ended",
        UP,
        None,
        Container("exited", NOW + 1, exit_code=137),
        "ended with exit code 137",
    ),
    ("a paused container", UP, None, Container("paused", NOW + 1), "was paused"),
    ("a container that does not exist", UP, None, None, ""),
]


@pytest.mark.parametrize(
    ("sentence", "server", "link", "container", "dead"), EVIDENCE, ids=[e[0] for e in EVIDENCE]
)
def test_evidence_of_death(
    sentence: str, server: HaproxyServer, link: Link | None, container: Container | None, dead: str
) -> None:
    after = observe(up_since_long(), snapshot(server, link=link, container=container), POLICY, NOW + 1)
    assert after.servers[0].dead_reason == dead, sentence


def test_evidence_older_than_haproxys_up_does_not_count() -> None:
    """The server is back; the tripwire's next attempt, or Docker's next news, are not due yet."""
    for late in (
        snapshot(JUST_UP, link=refused(NOW - 0.1)),
        snapshot(JUST_UP, container=Container("exited", NOW - 0.1, exit_code=1)),
    ):
        assert not observe(DOWN_BEFORE, late, POLICY, NOW + 1).servers[0].dead


def test_the_first_reason_of_a_death_stays_its_reason() -> None:
    first = observe(up_since_long(), snapshot(link=refused(NOW + 1)), POLICY, NOW + 1)
    then = snapshot(DOWN, link=Link(), container=Container("exited", NOW + 2, exit_code=137))
    second = observe(first, then, POLICY, NOW + 2)
    assert second.servers[0].dead_reason == "refused connections"
    assert second.servers[0].dead_since == NOW + 1


def test_the_first_observation_takes_haproxys_word_for_how_long() -> None:
    """HAProxy counts whole seconds; one is taken off, so as never to claim too much."""
    server = observe(None, snapshot(replace(UP, last_change_s=8)), POLICY, NOW).servers[0]
    assert server.up_since == server.serving_since == NOW - 7


def test_up_and_down_between_two_looks_starts_the_time_anew() -> None:
    before = up_since_long()
    after = observe(before, snapshot(replace(UP, last_change_s=0)), POLICY, NOW + 5)
    assert after.servers[0].up_since == NOW + 5


def test_while_haproxy_does_not_answer_its_last_rows_stand_in() -> None:
    gone = Snapshot(haproxy=None, engine_reachable=True, containers={"predictor-1": RUNNING})
    after = observe(up_since_long(), gone, POLICY, NOW + 1)
    assert not after.haproxy_reachable
    assert after.servers[0].name == "predictor-1"


def test_starts_are_counted_and_forgotten_once_it_proved_itself() -> None:
    killed = Container("exited", NOW + 1, exit_code=1)
    dead = observe(up_since_long(), snapshot(DOWN, container=killed), POLICY, NOW + 1)
    started = observe(
        dead,
        replace(snapshot(DOWN, container=killed), orders=(Order("predictor-1", NOW + 2),)),
        POLICY,
        NOW + 2,
    )
    assert (started.servers[0].starts, started.servers[0].last_start) == (1, NOW + 2)
    up = observe(started, snapshot(JUST_UP), POLICY, NOW + 4)
    assert up.servers[0].starts == 1
    proven = observe(up, snapshot(replace(UP, last_change_s=60)), POLICY, NOW + 4 + POLICY.proven_s)
    assert proven.servers[0].starts == 0


def test_a_kill_from_outside_counts_as_a_crash_only_before_it_was_stable() -> None:
    killed = Container("exited", NOW + 3, exit_code=137, kill_seen=True)
    order = (Order("predictor-1", NOW + 1),)
    unstable = observe(up_since_long(), replace(snapshot(JUST_UP), orders=order), POLICY, NOW + 1)
    soon = observe(unstable, snapshot(DOWN, container=killed), POLICY, NOW + 3)
    assert soon.servers[0].starts == 1
    stable = observe(unstable, snapshot(replace(UP, last_change_s=9)), POLICY, NOW + 10)
    later = observe(stable, snapshot(DOWN, container=killed), POLICY, NOW + 11)
    assert later.servers[0].starts == 0


FULL = replace(UP, sessions=10)
SATURATION = [
    ("at its limit", FULL, 0, True),
    ("a queue of its own", replace(UP, queue=1), 0, True),
    ("requests wait for any server", replace(UP, sessions=8), 1, True),
    ("nine of ten", replace(UP, sessions=9), 0, False),
    ("no limit at all", replace(UP, limit=0, sessions=500), 0, False),
]


@pytest.mark.parametrize(
    ("sentence", "server", "queue", "saturated"), SATURATION, ids=[s[0] for s in SATURATION]
)
def test_saturation(sentence: str, server: HaproxyServer, queue: int, saturated: bool) -> None:
    load = observe(up_since_long(), snapshot(server, queue=queue), POLICY, NOW + 1).load
    assert (load.saturated_since is not None) is saturated, sentence


def test_saturation_lasts_from_its_first_sight_and_ends_with_a_new_server() -> None:
    first = observe(up_since_long(), snapshot(FULL), POLICY, NOW + 1)
    second = observe(first, snapshot(FULL), POLICY, NOW + 1.2)
    assert second.load.saturated_since == NOW + 1
    joined = observe(second, snapshot(FULL, replace(row(2), sessions=10)), POLICY, NOW + 1.4)
    assert joined.load.saturated_since == NOW + 1.4


def test_capacity_is_the_throughput_of_one_saturated_server() -> None:
    rows = [replace(row(number), sessions=10) for number in (1, 2)]
    seen = observe(up_since_long(), snapshot(*rows), POLICY, NOW + 1)
    seen = observe(seen, snapshot(*(replace(each, total=30) for each in rows)), POLICY, NOW + 1.5)
    assert seen.load.capacity == pytest.approx(60)


def test_a_capacity_seen_while_a_server_was_failing_is_forgotten() -> None:
    full = [replace(row(number), sessions=10) for number in (1, 2)]
    seen = observe(up_since_long(), snapshot(*full), POLICY, NOW + 1)
    seen = observe(seen, snapshot(*full), POLICY, NOW + 1.5)
    assert seen.load.capacity == 0, "they hang"
    down = [replace(each, up=False) for each in full]
    assert observe(seen, snapshot(*down), POLICY, NOW + 1.7).load.capacity is None


def test_the_load_fits_the_rest_only_with_the_reserve() -> None:
    """One active, one promoted standby, limits of 10: the rest may hold 7."""
    standby = replace(row(2, standby=True), weight=100)
    for sessions, fits in ((7, True), (8, False)):
        load = observe(None, snapshot(replace(UP, sessions=sessions), standby), POLICY, NOW).load
        assert (load.fits_since is not None) is fits


def test_haproxys_restart_does_not_make_the_rate_negative() -> None:
    before = observe(None, snapshot(replace(UP, total=1000)), POLICY, NOW)
    assert observe(before, snapshot(replace(UP, total=0)), POLICY, NOW + 1).load.rate == 0


def test_only_changes_are_told() -> None:
    before = up_since_long()
    same = observe(before, snapshot(), POLICY, NOW + 1)
    assert changes(before, same) == {}
    dead = observe(same, snapshot(link=refused(NOW + 2)), POLICY, NOW + 2)
    expected = {"predictor-1": {"health": ["up", "down"], "tripwire": ["connected", "refused"]}}
    assert changes(same, dead) == expected
