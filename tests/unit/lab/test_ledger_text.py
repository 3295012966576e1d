"""The ledger in the terminal: a zero has its bound, an outage its objective, a rule what it saw."""

import io
from pathlib import Path

import pytest
from rich.console import Console

from lab.facts import invariants, ledger, story
from lab.records.folder import VERDICT, write_json
from lab.report import ledger_text, short
from unit.lab.planted_records import Planted, acted, observed, told


@pytest.fixture
def planted(tmp_path: Path) -> Planted:
    made = Planted(tmp_path)
    for number in range(500):
        made.request(number / 50, server=f"predictor-{1 + number % 2}")
    made.fault(5, "inject")
    made.fault(6, "ended")
    return made


def text(planted: Planted) -> str:
    folder = planted.save()
    made = ledger.build(folder)
    out = io.StringIO()
    Console(file=out, width=200).print(ledger_text.text(made, story.build(folder), invariants.check(folder)))
    return out.getvalue()


def test_a_zero_stands_beside_its_bound(planted: Planted) -> None:
    """0 of 500: at most 3/500, nearly."""
    assert "0 of 500 requests lost: at most 0.6 % (95 %)" in text(planted)


def test_an_outage_stands_beside_its_objective(planted: Planted) -> None:
    for number in range(40):
        planted.request(10 + number / 50, status=502, server="haproxy", termination="SH")
    shown = text(planted)
    assert "out of service: 0.80 s in all, the longest 0.80 s (under 90 % of those due in 0.5 s" in shown
    assert "requests lost: at most" not in shown


def test_a_rule_says_what_it_saw(planted: Planted) -> None:
    planted.journal = told(
        observed(18, "predictor-1", health="down"),
        acted(20, "promote", "predictor-3"),
        observed(21, "predictor-3", weight=100),
    )
    shown = text(planted)
    assert "valid    only proven standbys promoted (promotions: 1)" in shown
    assert "valid    demoted only when stable (demotions: none seen)" in shown


def test_the_short_report_says_on_how_many_events_all_rules_held(planted: Planted) -> None:
    planted.journal = told(acted(20, "promote", "predictor-3"), observed(21, "predictor-3", weight=100))
    text(planted)
    write_json(planted.folder / VERDICT, {"verdict": "met", "because": []})
    out = io.StringIO()
    Console(file=out, width=300).print(short.terminal(planted.folder))
    assert (
        "invariants: all 7 valid (promotions: 1, times that a server was out of rotation: 1" in out.getvalue()
    )
    assert "Nothing to see for: last healthy server stays, demoted only when stable" in out.getvalue()
