"""How servers serve is stated; a machine that is too slow for it shows in slow services."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from lab.facts import service
from lab.facts.service import Services
from lab.records.folder import FAULTS, PREDICTOR_LOG, SETTINGS_FILE, write_json

STATED: dict[str, Any] = {
    "kind": "emulated",
    "slots": 1,
    "service_ms": 20.0,
    "row_ms": 1.0,
    "cv": 0.0,
    "capacity_per_s": 50.0,
    "services": 0,
    "services_slow": 0,
}
BARE: dict[str, Any] = {"kind": "bare", "capacity_per_s": None}

WORDS = [
    ({"p1": STATED, "p2": STATED}, "emulated accelerator: 1 slot x 20 ms = 50 requests/s per server"),
    ({"p1": STATED}, "emulated accelerator: 1 slot x 20 ms = 50 requests/s"),
    ({"p1": BARE}, "the bare model, its capacity is the machine's"),
    ({"p1": {"kind": "cpu"}}, "the model, repeated to cost CPU time, its capacity is the machine's"),
    ({}, "not recorded"),
    (
        {"p1": STATED, "p2": STATED | {"slots": 2, "cv": 0.5, "capacity_per_s": 100.0}},
        (
            "p1: emulated accelerator: 1 slot x 20 ms = 50 requests/s; "
            "p2: emulated accelerator: 2 slots x 20 ms, cv 0.5 = 100 requests/s"
        ),
    ),
]


@pytest.mark.parametrize(("stated", "words"), WORDS)
def test_how_servers_serve_is_told_in_words(stated: service.Stated, words: str) -> None:
    assert service.described(stated) == words


def counts(services: int, slow: int) -> dict[str, Any]:
    return STATED | {"services": services, "services_slow": slow}


def test_counts_are_compared_and_a_restarted_server_counts_from_0() -> None:
    before = {"p1": counts(1000, 10), "p2": counts(500, 400)}
    after = {"p1": counts(1600, 13), "p2": counts(200, 1)}
    assert service.counted(before, after) == Services(800, 4)


def folder(path: Path, saved: dict[str, Any], lines: list[dict[str, Any]] | None = None) -> Path:
    """Plant the records of a run: settings.json, and with lines predictor.jsonl."""
    write_json(path / SETTINGS_FILE, saved)
    if lines is not None:
        text = "".join(f"{json.dumps(line)}\n" for line in lines)
        (path / PREDICTOR_LOG).write_text(text, encoding="utf-8")
    return path


def line(at_s: float, *, slow: bool, server: str = "p1", planned_ms: float = 20.0) -> dict[str, Any]:
    return {"time": at_s, "server": server, "planned_ms": planned_ms, "slow": slow}


def test_a_load_test_on_a_machine_that_is_too_slow_is_invalid(tmp_path: Path) -> None:
    """11 of 1000 is too many, 10 are not."""
    saved = {"service": {"p1": counts(50, 0), "p2": counts(0, 0)}}
    after = {"p1": counts(550, 11), "p2": counts(500, 0)}
    (reason,) = service.invalid_because(folder(tmp_path, saved | {"service_end": after}))
    assert reason == (
        "this machine is too slow for 2 such servers: 11 of 1000 services took over 10 % longer than the "
        "stated 20 ms (at most 1 % may)"
    )
    fewer = after | {"p1": counts(550, 10)}
    assert service.invalid_because(folder(tmp_path, saved | {"service_end": fewer})) == ()


def test_counts_that_are_missing_are_no_proof_of_speed(tmp_path: Path) -> None:
    saved = {"service": {"p1": STATED}, "service_end": "http://predictor-1:8000/info does not answer"}
    assert "is not known: http://predictor-1:8000/info" in service.invalid_because(folder(tmp_path, saved))[0]
    saved = {"service": {"p1": STATED, "p2": STATED}, "service_end": {"p1": STATED}}
    assert "services of p2" in service.invalid_because(folder(tmp_path, saved))[0]
    assert "the run has no end" in service.invalid_because(folder(tmp_path, {"service": {"p1": STATED}}))[0]


def test_where_no_time_is_stated_none_is_missed(tmp_path: Path) -> None:
    """The bare model takes what it takes; a folder of an older version says nothing of it."""
    assert service.invalid_because(folder(tmp_path, {"service": {"p1": BARE}})) == ()
    assert service.invalid_because(folder(tmp_path, {})) == ()


def test_an_experiment_counts_the_lines_of_the_servers_that_were_not_struck(tmp_path: Path) -> None:
    """A CPU cut makes its own server's services slow: that is the fault, not the machine."""
    lines = [line(at / 10, slow=False) for at in range(1000)]
    lines += [line(50 + at / 100, slow=True) for at in range(100)]
    lines += [line(50, slow=True, server="p2", planned_ms=0)] * 100  # a refusal: nothing was served
    saved = {"service": {"p1": STATED, "p2": STATED}, "service_end": None}
    made = folder(tmp_path, saved, lines)
    (reason,) = service.invalid_because(made)
    assert "100 of 1100 services took over 10 % longer than the stated 20 ms" in reason
    events = [
        {"time": at, "event": event, "fault": "cpu_cut", "target": "p1"}
        for event, at in (("inject", 49.9), ("effect", 50), ("undo", 50.5), ("ended", 50.6))
    ]
    (made / FAULTS).write_text("".join(f"{json.dumps(one)}\n" for one in events))
    assert service.invalid_because(made) == ()
    others = [event | {"target": "p2"} for event in events]
    (made / FAULTS).write_text("".join(f"{json.dumps(one)}\n" for one in others))
    assert service.invalid_because(made) == (reason,), "another server was struck"


def test_a_fault_without_an_end_lasts() -> None:
    """Times of the same fault, twice."""
    events = [
        {"time": at, "event": event, "fault": "pause", "target": "p1"}
        for event, at in (("inject", 1.0), ("ended", 2.0), ("inject", 5.0))
    ]
    assert service.spans(events) == [("p1", 1.0, 3.0), ("p1", 5.0, float("inf"))]
