"""What the end-to-end tests demand of an experiment (tests/runs.py).

No damage hides behind speed.
"""

from __future__ import annotations

import json
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pytest

import runs

SLOW = "this machine is too slow for 3 such servers: 93 of 2922 services took over 10 % longer"


def plant(
    root: Path, verdict: str, because: list[str], *, exposed: int = 1, **more: Any
) -> CompletedProcess[str]:
    """Write the records of a trial; return what `make experiment` would have said."""
    folder = root / "results" / "run"
    folder.mkdir(parents=True)
    broken = {one.split(" is ")[0].split(":")[0] for one in because}
    never = any(one.startswith("in_rotation_ms:") for one in because)
    expectations = [
        {"text": name, "unit": unit, "met": name not in broken, "measured": "never" if never else 1.0}
        for name, unit in (
            ("lost", "requests"),
            ("in_rotation_ms", "ms"),
            ("restarts", "restarts"),
            ("shed", "requests"),
        )
    ]
    ledger = {"complete": True, "incomplete_because": [], "classes": {"served": 9}, "sent": 9}
    records = {
        "verdict.json": {
            "verdict": verdict,
            "because": because,
            "expectations": expectations,
            "exposure": {"total": {"exposed": exposed}, "strokes": [{"exempt": ""}]},
        },
        "ledger.json": {**ledger, **more},
        "invariants.json": {"findings": [{"verdict": "valid"}]},
    }
    for name, content in records.items():
        (folder / name).write_text(json.dumps(content), encoding="utf-8")
    status = runs.STATUS[verdict]
    said = f"make: *** [Makefile:1: experiment] Error {status}\n" if status else ""
    return CompletedProcess("make", 2 if status else 0, "report: results/run/report.html\n", said)


@pytest.fixture(autouse=True)
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(runs, "ROOT", tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("verdict", "because"),
    [
        ("met", ["everything expected holds"]),
        ("invalid", [SLOW]),
        ("invalid", [SLOW, "shed is 50 requests (expected 0)"]),
        ("invalid", [SLOW, "in_rotation_ms is 312 ms (expected under 200)"]),
        ("not met", ["in_rotation_ms is 312 ms (expected under 200)"]),
    ],
)
def test_a_slow_machine_is_borne(root: Path, verdict: str, because: list[str]) -> None:
    assert runs.held(plant(root, verdict, because)) == [root / "results" / "run"]


@pytest.mark.parametrize(
    ("verdict", "because", "more"),
    [
        ("not met", ["lost is 1 requests (expected 0)"], {}),
        ("not met", ["shed is 50 requests (expected 0)"], {}),
        ("invalid", [SLOW, "lost is 1 requests (expected 0)"], {}),
        ("not met", ["restarts is 0 restarts (expected at least 1)"], {}),
        ("not met", ["in_rotation_ms: no standby was promoted (expected under 200 ms)"], {}),
        ("not met", ["not recovered within 60 s"], {}),
        ("not met", ["in_rotation_ms is 312 ms (expected under 200)", "not recovered within 60 s"], {}),
        ("invalid", ["nothing was at stake: no request was on a struck server"], {}),
        ("invalid", [SLOW, "how busy the machine was is not known: cpu.csv has 0 samples"], {}),
        ("met", ["everything expected holds"], {"exposed": 0}),
        ("met", ["everything expected holds"], {"sent": 10}),
        ("met", ["everything expected holds"], {"complete": False, "incomplete_because": ["rows"]}),
        ("met", ["everything expected holds"], {"sent": 0, "classes": {}}),
    ],
)
def test_nothing_else_is_borne(root: Path, verdict: str, because: list[str], more: dict[str, Any]) -> None:
    with pytest.raises(AssertionError):
        runs.held(plant(root, verdict, because, **more))


def test_a_kill_that_met_an_idle_server_is_borne_where_it_is_said(root: Path) -> None:
    said = ["nothing was at stake: no request was on a struck server or on its way to it"]
    assert runs.held(plant(root, "invalid", said, exposed=0))


def test_a_make_that_was_started_by_make_is_understood() -> None:
    """`make test` runs these tests, so their own make names its level."""
    done = CompletedProcess("make", 2, "", "make[1]: *** [Makefile:71: experiment] Error 3\n")
    assert runs.status(done) == 3


def test_a_verdict_and_another_exit_status_are_not_borne(root: Path) -> None:
    done = plant(root, "met", ["everything expected holds"])
    done.returncode, done.stderr = 2, "make: *** [Makefile:1: experiment] Error 3\n"
    with pytest.raises(AssertionError):
        runs.held(done)


def test_a_run_without_records_is_not_borne() -> None:
    with pytest.raises(AssertionError):
        runs.held(CompletedProcess("make", 0, "", ""))
