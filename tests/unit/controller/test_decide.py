"""The rules as a table: each row a sentence, an observation in words, and what is decided."""

import pytest

from controller.decide import decide
from controller.model import Observation, Policy
from unit.controller.scene import NOW, scene

POLICY = Policy()
QUIET = "nothing"


def decided(observation: Observation) -> str:
    """Return what is done, in its order: "promote 3, mark_down 1"."""
    actions = decide(observation, POLICY, NOW).actions
    return ", ".join(f"{action.verb} {action.server[-1]}" for action in actions) or QUIET


ROWS = [
    # 1. mark down, 2. promote after a failure
    ("all is well", "1 active / 2 active / 3 standby", {}, QUIET),
    (
        "an active server refuses connections: the standby takes over before the dead one is marked down",
        "1 active refused / 2 active / 3 standby",
        {},
        "promote 3, mark_down 1",
    ),
    (
        "HAProxy found it first: nothing to mark down",
        "1 active unready / 2 active / 3 standby",
        {},
        "promote 3, restart 1",
    ),
    (
        "a paused server cannot answer",
        "1 active paused / 2 active / 3 standby",
        {},
        "promote 3, mark_down 1",
    ),
    (
        "all active servers die at once: two standbys come",
        "1 active refused / 2 active refused / 3 standby / 4 standby",
        {},
        "promote 3, promote 4, mark_down 1, mark_down 2",
    ),
    (
        "two die, one standby: it comes, and the other place stays empty",
        "1 active refused / 2 active refused / 3 standby",
        {},
        "promote 3, mark_down 1, mark_down 2",
    ),
    (
        "one is replaced already when the second dies: only one more standby comes",
        "1 active killed busy / 2 active refused / 3 standby promoted / 4 standby / 5 standby",
        {},
        "promote 4, mark_down 2",
    ),
    (
        "a promoted standby dies: the next one takes over",
        "1 active killed busy / 2 active / 3 standby promoted refused / 4 standby",
        {},
        "promote 4, mark_down 3",
    ),
    (
        "a server was sent SIGKILL: nobody waits for its end, and it is not started before",
        "1 active dying / 2 active / 3 standby",
        {},
        "promote 3, mark_down 1",
    ),
    (
        "a standby that was sent SIGKILL is not promoted",
        "1 active refused / 2 active / 3 standby dying / 4 standby",
        {},
        "promote 4, mark_down 1, mark_down 3",
    ),
    ("a parked standby dies: HAProxy is told", "1 active / 2 standby refused", {}, "mark_down 2"),
    ("the only server dies: it is dead, so it is marked down", "1 active refused", {}, "mark_down 1"),
    (
        "a standby that failed its check is not promoted",
        "1 active refused / 2 active / 3 standby unready young",
        {},
        "mark_down 1",
    ),
    (
        "a standby whose tripwire is not connected is not promoted",
        "1 active refused / 2 active / 3 standby unlinked",
        {},
        "mark_down 1",
    ),
    (
        "a standby that HAProxy only assumes to be up, after its start, is not promoted",
        "1 active refused / 2 active / 3 standby unchecked",
        {},
        "mark_down 1",
    ),
    (
        "a standby without a container is not promoted",
        "1 active refused / 2 active / 3 standby no-container",
        {},
        "mark_down 1",
    ),
    (
        "a standby in maintenance is not promoted",
        "1 active refused / 2 active / 3 standby in-maintenance",
        {},
        "mark_down 1",
    ),
    (
        "the first standby is unproven, the second is not",
        "1 active refused / 2 active / 3 standby unlinked / 4 standby",
        {},
        "promote 4, mark_down 1",
    ),
    (
        "without Docker promotions go on",
        "1 active refused / 2 active / 3 standby",
        {"docker": False},
        "promote 3, mark_down 1",
    ),
    ("without HAProxy nothing is promoted", "1 active refused / 2 standby", {"haproxy": False}, QUIET),
    # 2. promote under saturation
    ("saturated, but not for long", "1 active full / 2 standby", {"saturated_s": 0.2}, QUIET),
    ("saturated for long enough", "1 active full / 2 standby", {"saturated_s": 0.31}, "promote 2"),
    (
        "saturated: one standby at a time",
        "1 active full / 2 standby / 3 standby",
        {"saturated_s": 9},
        "promote 2",
    ),
    (
        "a failure and saturation: one standby, then see",
        "1 active killed busy / 2 active full / 3 standby / 4 standby",
        {"saturated_s": 9},
        "promote 3",
    ),
    (
        "saturated with every standby promoted: a matter for HAProxy's queue",
        "1 active full / 2 standby promoted full",
        {"saturated_s": 9},
        QUIET,
    ),
    # 3. demote
    (
        "the failed server is back, stable, and the load fits",
        "1 active / 2 active / 3 standby promoted",
        {"fits_s": 5},
        "demote 3",
    ),
    (
        "the failed server is back, but not stable yet",
        "1 active back / 2 active / 3 standby promoted",
        {"fits_s": 60},
        QUIET,
    ),
    ("the load fits, but not for long", "1 active / 2 standby promoted", {"fits_s": 4.9}, QUIET),
    ("the load would not fit the rest", "1 active / 2 standby promoted", {}, QUIET),
    (
        "one of two failed servers is back: one of two standbys goes",
        "1 active / 2 active killed busy / 3 standby promoted / 4 standby promoted",
        {"fits_s": 5},
        "demote 4",
    ),
    (
        "both are back: one standby at a time",
        "1 active / 2 active / 3 standby promoted / 4 standby promoted",
        {"fits_s": 5},
        "demote 4",
    ),
    (
        "the only server in service is a standby: it stays",
        "1 active killed busy / 2 standby promoted",
        {"fits_s": 60},
        QUIET,
    ),
    (
        "a promoted standby that died is parked when no active server is missing",
        "1 active / 2 standby promoted stopped",
        {},
        "demote 2",
    ),
    # 4. bring back
    ("a killed container is started", "1 active killed / 2 active", {}, "start 1"),
    ("a killed standby is started too", "1 active / 2 standby killed", {}, "start 2"),
    ("a crashed container that Docker does not restart is started", "1 active crashed", {}, "start 1"),
    (
        "killed just now: the promotion goes first",
        "1 active just-killed / 2 active / 3 standby",
        {},
        "promote 3",
    ),
    ("a start is under way", "1 active killed busy / 2 active", {}, QUIET),
    ("the third start in a row: its pause is not over", "1 active killed started-thrice", {}, QUIET),
    ("the third start in a row: its pause is over", "1 active killed pause-over", {}, "start 1"),
    ("the fortieth start in a row: pauses are 60 s at most", "1 active killed started-often", {}, QUIET),
    ("stopped by a person", "1 active stopped / 2 active", {}, QUIET),
    ("ended by itself with exit code 0", "1 active exited-0 / 2 active", {}, QUIET),
    ("ended by SIGTERM", "1 active exited-143 / 2 active", {}, QUIET),
    ("Docker restarts it", "1 active restarting / 2 active", {}, QUIET),
    ("created, never started", "1 active created / 2 active", {}, QUIET),
    ("alive but not ready for 20 s", "1 active unready / 2 active", {}, "restart 1"),
    ("alive but not ready for 14 s", "1 active lately-unready / 2 active", {}, QUIET),
    ("not ready for 20 s, but started 29 s ago", "1 active unready young / 2 active", {}, QUIET),
    ("not ready, restarted thrice lately", "1 active unready started-thrice / 2 active", {}, QUIET),
    ("overloaded for long: no restart", "1 active full / 2 active full", {"saturated_s": 600}, QUIET),
    ("without Docker nothing is started", "1 active killed / 2 active", {"docker": False}, QUIET),
    ("without HAProxy a killed container is started", "1 active killed", {"haproxy": False}, "start 1"),
    ("without HAProxy nothing is restarted", "1 active unready", {"haproxy": False}, QUIET),
    # 5. what a person did
    (
        "a person drains an active server: the standby takes over, the server is left alone",
        "1 active drained / 2 active / 3 standby",
        {},
        "promote 3",
    ),
    (
        "a person sets an active server's weight to 0",
        "1 active weight-0 / 2 active / 3 standby",
        {},
        "promote 3",
    ),
    (
        "a drained server that is not ready is not restarted",
        "1 active drained unready / 2 active / 3 standby promoted",
        {"fits_s": 60},
        QUIET,
    ),
    (
        "all active servers drained: the standby is never parked",
        "1 active drained / 2 standby promoted",
        {"fits_s": 60},
        QUIET,
    ),
    ("a name that cannot be resolved", "1 active unresolved / 2 standby", {}, "promote 2"),
]


@pytest.mark.parametrize(("sentence", "servers", "more", "expected"), ROWS, ids=[row[0] for row in ROWS])
def test_rule(sentence: str, servers: str, more: dict[str, float], expected: str) -> None:
    assert decided(scene(servers, **more)) == expected, sentence  # type: ignore[arg-type]


REASONS = [
    (
        "1 active refused / 2 active / 3 standby",
        {},
        "predictor-1 refused connections; predictor-3 takes its place",
    ),
    (
        "1 active full / 2 active full / 3 standby",
        {"saturated_s": 0.4},
        (
            "predictor-1 and predictor-2 are saturated: 20 requests at a time for 0.3 s; "
            "predictor-3 joins them"
        ),
    ),
    (
        "1 active unready young / 2 standby",
        {},
        "predictor-1 failed its checks (L7STS 503); predictor-2 takes its place",
    ),
    (
        "1 active drained / 2 standby",
        {},
        "predictor-1 was put into drain by a person; predictor-2 takes its place",
    ),
    (
        "1 active / 2 standby promoted",
        {"fits_s": 6},
        (
            "predictor-1 carries the load (0 requests at a time, 0 per second) with a reserve, "
            "stable for 5 s; predictor-2 drains"
        ),
    ),
    ("1 active killed", {}, "the container of predictor-1 was killed (exit code 137); started again"),
    ("1 active unready", {}, "predictor-1 is alive but not ready for 20 s; restarted"),
]


@pytest.mark.parametrize(("servers", "more", "expected"), REASONS)
def test_an_action_says_why_in_one_sentence(servers: str, more: dict[str, float], expected: str) -> None:
    assert decide(scene(servers, **more), POLICY, NOW).actions[0].reason == expected  # type: ignore[arg-type]


NOTES = [
    (
        "1 active killed busy",
        {},
        "predictor-1 ended with exit code 137; nobody takes its place: this topology has no standby",
    ),
    (
        "1 active refused / 2 standby unready young",
        {},
        (
            "predictor-1 refused connections; nobody takes its place: "
            "no standby is proven healthy (predictor-2 failed its checks (L7STS 503))"
        ),
    ),
    (
        "1 active full / 2 standby promoted full",
        {"saturated_s": 1},
        (
            "predictor-1 and predictor-2 are saturated: 20 requests at a time for 0.3 s; "
            "nobody joins them: every standby is promoted already"
        ),
    ),
    (
        "1 active / 2 standby stopped",
        {},
        "predictor-2 was stopped by a person; stays stopped until a person starts it",
    ),
    (
        "1 active / 2 standby exited-0",
        {},
        "predictor-2 ended on purpose (exit code 0); stays stopped until a person starts it",
    ),
    ("1 active drained / 2 standby promoted", {}, "predictor-1 was put into drain by a person; left alone"),
    (
        "1 active / 2 standby no-container",
        {},
        "no container of this project backs predictor-2; see `docker compose ps`",
    ),
    ("1 active / 2 standby restarting", {}, "Docker is restarting its container"),
]


@pytest.mark.parametrize(("servers", "more", "expected"), NOTES)
def test_what_is_left_undone_is_said(servers: str, more: dict[str, float], expected: str) -> None:
    assert expected in [note.text for note in decide(scene(servers, **more), POLICY, NOW).notes]  # type: ignore[arg-type]


def test_an_action_carries_the_signals_of_every_source() -> None:
    """The journal's reader sees who said what against the server."""
    action = decide(scene("1 active killed / 2 active"), POLICY, NOW).actions[0]
    assert action.signals == (
        "tripwire: refused connections",
        "docker: exited, exit code 137",
        "check: L4CON Layer7 check passed",
    )


def test_nothing_is_decided_about_no_server() -> None:
    """Before HAProxy answered for the first time."""
    assert decide(Observation(NOW, haproxy_reachable=False, engine_reachable=True), POLICY, NOW).actions == ()
