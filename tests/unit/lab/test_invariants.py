"""Each invariant finds its planted violation, and only that one; sound records break none."""

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest

from lab.facts import invariants, ledger
from lab.parts.controller import Entry, ServerState
from lab.records.folder import INVARIANTS, JOURNAL, SETTINGS_FILE, read_json, write_json
from unit.lab.journal_entries import signalled
from unit.lab.planted_records import T0, Planted, acted, decided, observed, server, state, told

(PROVEN, LAST, DRAINED, STABLE, BACK_OFF, RESTORED, AFTER) = invariants.RULES
FAILED_1 = observed(18, "predictor-1", health="down", tripwire="refused")
PROMOTED = (acted(20, "promote", "predictor-3"), observed(21, "predictor-3", weight=100))
KILLED_1 = signalled(8999.0, "docker", "killed", "event `kill`, signal 9")
BACK_1 = observed(3000, "predictor-1", health="up", tripwire="connected", container="running")


@pytest.fixture
def planted(tmp_path: Path) -> Planted:
    """Return records with some traffic on the active servers."""
    made = Planted(tmp_path)
    for number in range(50):
        made.request(number / 10, server=f"predictor-{1 + number % 2}")
    return made


def broken(planted: Planted) -> dict[str, tuple[str, ...]]:
    """Build the ledger, check, and return the findings that are not valid."""
    folder = planted.save()
    ledger.build(folder)
    findings = invariants.check(folder)
    assert [finding.name for finding in findings] == list(invariants.RULES)
    written = json.loads((folder / INVARIANTS).read_text())["findings"]
    assert [each["verdict"] for each in written] == [finding.verdict for finding in findings]
    assert all(each["rule"] for each in written)
    return {
        f"{finding.name}: {finding.verdict}": finding.evidence
        for finding in findings
        if finding.verdict != invariants.VALID
    }


def only(planted: Planted, name: str) -> str:
    """Return the evidence against the one invariant that is violated."""
    found = broken(planted)
    assert list(found) == [f"{name}: invalid"], found
    return " | ".join(found[f"{name}: invalid"])


def test_a_sound_failover_breaks_no_invariant(planted: Planted) -> None:
    """Killed, replaced, started again, stable for 5 s, demoted.

    The standby serves only in between.
    """
    planted.journal = told(
        FAILED_1,
        decided(19, "promote", "predictor-3"),
        *PROMOTED,
        acted(20.5, "mark_down", "predictor-1"),
        observed(21, "predictor-1", check="down"),
        observed(90, "predictor-1", container="exited"),
        decided(300, "start", "predictor-1"),
        acted(700, "start", "predictor-1"),
        observed(705, "predictor-1", container="running", tripwire="connected"),
        observed(3000, "predictor-1", health="up", check="up"),
        decided(8010, "demote", "predictor-3"),
        acted(8011, "demote", "predictor-3"),
        observed(8012, "predictor-3", weight=0),
    )
    planted.request(2, server="predictor-3")
    assert broken(planted) == {}


@pytest.mark.parametrize(
    ("against", "words"),
    [
        ({"health": "down"}, "it was down"),
        ({"check": "down"}, "HAProxy's checks said down"),
        ({"tripwire": "refused"}, "its tripwire was refused"),
        ({"tripwire": "unknown"}, "its tripwire was unknown"),
        ({"container": "paused"}, "its container was paused"),
        ({"admin": "maint"}, "it was in maint"),
    ],
)
def test_the_promotion_of_an_unproven_server_is_found(
    planted: Planted, against: dict[str, str], words: str
) -> None:
    planted.journal = told(observed(-1000, "predictor-3", **against), FAILED_1, *PROMOTED)
    assert words in only(planted, PROVEN)


@pytest.mark.parametrize("verb", ["mark_down", "demote"])
def test_the_loss_of_the_last_healthy_server_is_found(planted: Planted, verb: str) -> None:
    planted.journal = told(
        *PROMOTED,
        observed(9000, "predictor-1", health="down", tripwire="refused", container="exited"),
        observed(9000, "predictor-2", health="down", tripwire="refused", container="exited"),
        acted(30_000, verb, "predictor-3"),
        observed(30_001, "predictor-3", **({"weight": 0} if verb == "demote" else {"check": "down"})),
    )
    found = broken(planted)
    assert "although alive, and nobody else served" in " ".join(found.pop(f"{LAST}: invalid"))
    # Whoever demotes the last one demotes too soon as well.
    assert set(found) == ({f"{STABLE}: invalid"} if verb == "demote" else set())


def test_taking_out_a_dead_server_is_right_even_if_it_is_the_last(planted: Planted) -> None:
    dead = {"health": "down", "tripwire": "refused", "container": "exited"}
    planted.journal = told(
        *(observed(10, f"predictor-{number}", **dead) for number in (1, 2, 3)),
        *(acted(11, "mark_down", f"predictor-{number}") for number in (1, 2, 3)),
    )
    assert broken(planted) == {}


@pytest.mark.parametrize(
    ("out", "words"),
    [
        ({"admin": "maint"}, "in maint"),
        ({"admin": "drain"}, "in drain"),
        ({"weight": 0}, "drained (weight 0)"),
    ],
)
def test_a_request_for_a_server_out_of_rotation_is_found(
    planted: Planted, out: dict[str, str | int], words: str
) -> None:
    """It comes 1 s after the server was taken out; one just at that moment had been on its way."""
    planted.journal = told(
        observed(10_000, "predictor-2", **out),
        observed(20_000, "predictor-2", admin="ready", weight=100),
    )
    planted.request(10.01, server="predictor-2")
    guilty = planted.request(11.0, server="predictor-2")
    planted.request(19.8, server="predictor-2")  # a person ended it; the controller looks every 0.2 s
    planted.request(21.0, server="predictor-2")
    evidence = only(planted, DRAINED)
    assert f"{words}, got the request {guilty}" in evidence
    assert evidence.count("got the request") == 1


def test_a_request_for_a_parked_standby_is_found_unless_nobody_else_was_left(planted: Planted) -> None:
    """With no active server left HAProxy falls back to whoever is healthy: that is the design."""
    planted.journal = told()
    planted.request(1, server="predictor-3", backend="fallback")
    guilty = planted.request(2, server="predictor-3")
    evidence = only(planted, DRAINED)
    assert guilty in evidence
    assert evidence.count("got the request") == 1


def test_a_request_that_came_before_a_promotion_may_go_to_the_promoted_server(planted: Planted) -> None:
    """It waited in the queue, or hung elsewhere and was tried again.

    HAProxy chose later than it came.
    """
    planted.journal = told(
        FAILED_1,
        decided(699, "promote", "predictor-3"),
        acted(700, "promote", "predictor-3"),
        observed(701, "predictor-3", weight=100),
    )
    planted.request(0.2, server="predictor-3", took_ms=550, retries="+1")
    assert broken(planted) == {}


def test_a_standby_that_is_demoted_too_soon_after_its_promotion_is_found(planted: Planted) -> None:
    planted.journal = told(
        *PROMOTED, acted(3000, "demote", "predictor-3"), observed(3001, "predictor-3", weight=0)
    )
    assert "2.98 s after its promotion (at least 5 s)" in only(planted, STABLE)


def test_a_demotion_before_the_others_are_stable_is_found(planted: Planted) -> None:
    planted.journal = told(
        FAILED_1,
        *PROMOTED,
        BACK_1,
        acted(6000, "demote", "predictor-3"),
        observed(6001, "predictor-3", weight=0),
    )
    assert "although predictor-1 had served for 3.00 s (at least 5 s)" in only(planted, STABLE)


@pytest.mark.parametrize(("second_ms", "third_ms", "words"), [(500, 9000, "0.50 s"), (1100, 2500, "1.40 s")])
def test_a_restart_that_the_back_off_forbids_is_found(
    planted: Planted, second_ms: float, third_ms: float, words: str
) -> None:
    """The second start comes at least 1 s after the first, the third 2 s after that."""
    planted.journal = told(
        FAILED_1,
        decided(0.1, "start", "predictor-1"),
        decided(second_ms, "start", "predictor-1"),
        decided(third_ms, "restart", "predictor-1"),
    )
    assert f"predictor-1 was started {words} after the start before" in only(planted, BACK_OFF)


@pytest.mark.parametrize("killed", [True, False])
def test_starts_do_not_count_as_a_row_after_a_kill_in_a_stable_time(
    planted: Planted, *, killed: bool
) -> None:
    """It was up for 6 s: stable_s, not proven_s.

    So only a kill from outside makes the pauses begin anew.
    """
    planted.journal = told(
        FAILED_1,
        decided(200, "start", "predictor-1"),
        decided(1300, "start", "predictor-1"),
        BACK_1,
        *([KILLED_1] if killed else []),
        observed(9000, "predictor-1", health="down", tripwire="refused"),
        decided(9200, "start", "predictor-1"),
        decided(10_250, "start", "predictor-1"),
    )
    assert set(broken(planted)) == (set() if killed else {f"{BACK_OFF}: invalid"})


def crashes(up_s: float, *, killed: bool) -> list[Entry]:
    """Plant 6 times a server that is up 1 s after its start, and ends `up_s` later."""
    rows, at = [FAILED_1], 100.0
    for _ in range(6):
        rows += [decided(at, "start", "predictor-1"), observed(at + 1000, "predictor-1", health="up")]
        at += 1000 + up_s * 1000
        if killed:
            rows.append((at - 1, *KILLED_1[1:]))
        rows.append(observed(at, "predictor-1", health="down"))
    return told(*rows)


@pytest.mark.parametrize(
    ("up_s", "killed", "sound"),
    [(6.0, False, False), (6.0, True, True), (3.0, True, False), (61.0, False, True)],
)
def test_a_server_that_crashes_by_itself_does_not_prove_itself_by_being_stable(
    planted: Planted, up_s: float, *, killed: bool, sound: bool
) -> None:
    """The pauses begin anew after proven_s (60 s), or after a kill once stable for 5 s."""
    planted.journal = crashes(up_s, killed=killed)
    if sound:
        assert broken(planted) == {}
    else:
        assert "(at least 8 s: start 5 in a row)" in only(planted, BACK_OFF)


def test_the_kill_of_a_restart_by_the_controller_is_not_one_from_outside(planted: Planted) -> None:
    """Docker says `kill` for it, too, before the server is up again."""
    rows = [FAILED_1]
    for at in (0.0, 7000.0, 14_000.0, 21_000.0, 28_000.0):
        rows += [
            decided(at + 100, "restart", "predictor-1"),
            (at + 101, *KILLED_1[1:]),
            observed(at + 1000, "predictor-1", health="up"),
            observed(at + 7000, "predictor-1", health="down"),
        ]
    planted.journal = told(*rows)
    assert "(at least 8 s: start 5 in a row)" in only(planted, BACK_OFF)


@pytest.mark.parametrize(
    ("last", "words"),
    [
        (server("predictor-3", "standby", "down"), "predictor-3 is down at the end"),
        (dataclasses.replace(server("predictor-3", "standby"), weight=100), "(standby) is not parked"),
        (dataclasses.replace(server("predictor-3"), in_rotation=False), ""),
        (server("predictor-4"), "predictor-3 is not part of the system"),
    ],
)
def test_an_end_that_is_not_the_declared_topology_is_found(
    planted: Planted, last: ServerState, words: str
) -> None:
    planted.journal = told()
    planted.end = state(server("predictor-1"), server("predictor-2"), last)
    if words:
        assert words in only(planted, RESTORED)
    else:
        planted.end = state(
            dataclasses.replace(server("predictor-1"), in_rotation=False), *state().servers[1:]
        )
        assert "predictor-1 (active) is not in rotation" in only(planted, RESTORED)


def test_an_execution_after_the_failure_was_reported_is_found(planted: Planted) -> None:
    planted.journal = told()
    name = planted.request(
        2, status=0, haproxy_status=-1, termination="CH", took_ms=5000, executed=[("predictor-1", 200, 7000)]
    )
    evidence = only(planted, AFTER)
    assert "1 requests were executed after their failure was reported" in evidence
    assert f"{name} (lost_in_flight) was completed 2000 ms after" in evidence


def test_missing_records_make_an_invariant_unknown_and_not_valid(planted: Planted) -> None:
    """A gap in the journal, no policy, no state at the end, an incomplete ledger."""
    entries = told(*PROMOTED, acted(9000, "demote", "predictor-3"))
    planted.journal = [entry for entry in entries[1:] if entry.seq != 5]
    planted.end = None
    planted.unfinished = 2
    found = broken(planted)
    assert {f"{PROVEN}: unknown", f"{LAST}: unknown", f"{DRAINED}: unknown", f"{STABLE}: unknown"} <= set(
        found
    )
    assert {f"{BACK_OFF}: unknown", f"{RESTORED}: unknown", f"{AFTER}: unknown"} <= set(found)
    assert "the journal has no entries between 4 and 6" in found[f"{PROVEN}: unknown"]
    assert "the journal has no entry `started` with the policy" in found[f"{STABLE}: unknown"]


def test_a_violation_counts_even_where_records_are_missing(planted: Planted) -> None:
    planted.journal = told(observed(-1000, "predictor-3", check="down"), *PROMOTED)
    del planted.journal[1]
    assert f"{PROVEN}: invalid" in broken(planted)


def test_without_a_journal_nothing_that_it_tells_is_valid(planted: Planted) -> None:
    planted.journal = told(*PROMOTED)
    folder = planted.save()
    (folder / JOURNAL).unlink()
    ledger.build(folder)
    findings = {each.name: each for each in invariants.check(folder)}
    assert {each.verdict for name, each in findings.items() if name != AFTER} == {invariants.UNKNOWN}
    assert all(
        "journal.jsonl is missing" in each.evidence for name, each in findings.items() if name != AFTER
    )


@pytest.mark.parametrize("lines", [0, 1, 5])
def test_a_rotated_journal_is_no_proof_of_anything(planted: Planted, lines: int) -> None:
    """Its first line, the controller's start, is gone.

    Whatever came after it may be gone as well.
    """
    planted.journal = told(*PROMOTED)[-lines:] if lines else []
    found = broken(planted)
    assert set(found) == {f"{name}: unknown" for name in invariants.RULES if name != AFTER}
    assert all("its log was rotated" in why[0] for why in found.values())


def test_a_gap_after_a_start_within_the_run_is_a_gap(planted: Planted) -> None:
    """Only the start that is saved from before the run may stand apart from what follows it."""
    planted.journal = told((1000, "signal", {"source": "docker"}), *PROMOTED)
    again = told()
    planted.journal += [*again[:1], *again[3:]]
    for entry in planted.journal[len(planted.journal) - 2 :]:
        entry.raw["time"] = T0 + 20
    found = broken(planted)
    assert "the journal has no entries between 1 and 4" in found[f"{PROVEN}: unknown"]


def test_without_the_state_at_the_start_no_rule_is_valid(planted: Planted) -> None:
    planted.journal = told(*PROMOTED)
    folder = planted.save()
    settings = read_json(folder / SETTINGS_FILE)
    write_json(folder / SETTINGS_FILE, settings | {"state_start": None})
    ledger.build(folder)
    findings = invariants.check(folder)
    assert {each.verdict for each in findings if each.name != AFTER} == {invariants.UNKNOWN}


def test_a_finding_says_how_many_events_it_saw(planted: Planted) -> None:
    """A rule that saw none holds, and proves nothing."""
    planted.journal = told(
        FAILED_1,
        *PROMOTED,
        acted(20.5, "mark_down", "predictor-1"),
        decided(300, "start", "predictor-1"),
        observed(3000, "predictor-1", health="up", check="up", tripwire="connected"),
    )
    for number in range(3):
        planted.request(6 + number, status=502, server="haproxy", termination="SH")
    folder = planted.save()
    ledger.build(folder)
    seen = {each.name: (each.seen, each.saw) for each in invariants.check(folder)}
    assert seen == {
        PROVEN: (1, "promotions: 1"),
        LAST: (1, "servers taken out of rotation: 1"),
        DRAINED: (1, "times that a server was out of rotation: 1"),
        STABLE: (0, "demotions: none seen"),
        BACK_OFF: (1, "starts of a server: 1"),
        RESTORED: (3, "servers: 3"),
        AFTER: (3, "failed requests: 3"),
    }


def test_the_journal_may_begin_with_the_run(planted: Planted) -> None:
    """The state at the start tells what was known before; only the policy is from earlier."""
    entries = told(*PROMOTED, acted(9000, "demote", "predictor-3"), observed(9001, "predictor-3", weight=0))
    planted.journal = [entries[0], *entries[4:]]
    assert broken(planted) == {}


@pytest.mark.parametrize(
    ("lacks", "words"),
    [({"tripwire": ""}, "its tripwire"), ({"container": "unknown"}, "its container")],
)
def test_a_promotion_without_a_record_of_its_proof_is_unknown(
    planted: Planted, lacks: dict[str, Any], words: str
) -> None:
    """The journal begins with the run, and the state at its start does not tell.

    Docker may not answer.
    """
    entries = told(*PROMOTED, acted(9000, "demote", "predictor-3"), observed(9001, "predictor-3", weight=0))
    planted.journal = [entries[0], *entries[4:]]
    planted.start = state(
        *(dataclasses.replace(each, **lacks) for each in state().servers if each.name == "predictor-3"),
        *(each for each in state().servers if each.name != "predictor-3"),
    )
    found = broken(planted)
    assert list(found) == [f"{PROVEN}: unknown"]
    assert f"predictor-3 was promoted; no record shows {words}" in found[f"{PROVEN}: unknown"][0]


@pytest.mark.parametrize(
    ("kinds", "verdict"),
    [
        ((), "unknown"),
        (("engine_unreachable",), "valid"),
        (("engine_unreachable", "engine_reachable"), "unknown"),
    ],
)
def test_while_docker_is_silent_a_promotion_needs_no_container(
    planted: Planted, kinds: tuple[str, ...], verdict: str
) -> None:
    """The controller promotes without Docker: check and tripwire have to do."""
    words = [
        signalled(number, "docker", kind, "a word about Docker", "") for number, kind in enumerate(kinds)
    ]
    planted.journal = told(*words, observed(15, "predictor-3", container=None), *PROMOTED)
    found = {name: each for name, each in broken(planted).items() if name.startswith(PROVEN)}
    assert list(found) == ([] if verdict == "valid" else [f"{PROVEN}: {verdict}"])


def test_a_controller_that_started_anew_leaves_no_gap(planted: Planted) -> None:
    """It counts from 1 again, and what it observes first is what it knows."""
    planted.journal = [*told(), *told()]
    assert broken(planted) == {}
