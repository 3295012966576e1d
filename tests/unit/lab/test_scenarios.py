"""Scenario files: each shipped one is valid and documented; a bad one is refused with its lines."""

from __future__ import annotations

import argparse
import dataclasses
import re
from pathlib import Path

import pytest

from lab.commands import scenarios as command
from lab.errors import ScenarioError
from lab.experiment import parse, scenario, schema
from lab.facts import measures
from lab.settings import Settings

ROOT = Path(__file__).parents[3]
DOCS = ROOT / "docs" / "scenarios.md"
WANTED = (
    "kill-active kill-two kill-all kill-standby hang stuck-worker cut-off slow errors wrong-answers oom "
    "crash-loop region-loss overload fault-during-overload rolling-restart controller-loss balancer-restart "
    "flapping"
)
NOBODY = Path("/nonexistent")
GOOD = """\
description: one dies
load: {share: 0.5}
faults:
  - fault: kill
    target: active
    count: 1
expect:
  lost: 0
  in_rotation_ms: under 200
abort:
  failed: 10
"""


def problems(text: str, name: str = "own.yaml") -> list[str]:
    found, wrong = parse.parse(text, name)
    assert (found is None) == bool(wrong)
    return [f"{one.line}: {one.what}; expected {one.expected}" for one in wrong]


def test_every_scenario_that_is_promised_is_shipped() -> None:
    assert set(WANTED.split()) <= set(scenario.files(NOBODY))


@pytest.mark.parametrize("path", scenario.files(NOBODY).values(), ids=lambda path: path.stem)
def test_a_shipped_scenario_is_valid_and_says_what_happens_in_a_sentence(path: Path) -> None:
    found = parse.read(path)
    assert 20 < len(found.description) < 120
    assert found.description.endswith((".", "?"))
    assert found.expect
    assert found.abort.failed or found.abort.failed_percent


def test_a_file_is_read_with_its_defaults() -> None:
    found, wrong = parse.parse(GOOD, "own.yaml")
    assert wrong == ()
    assert found is not None
    assert (found.name, found.load.share, found.load.before_s) == ("own", 0.5, 5.0)
    assert found.faults == (scenario.FaultPlan("kill", "active", 1),)
    assert found.expect[1] == measures.Expectation("in_rotation_ms", "under", 200)
    assert found.recovery.within_s == 60
    assert found.text == GOOD


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (("description: one dies\n", ""), "1: no key description"),
        (
            ("description: one dies", "description: one dies\ndescription: twice"),
            "2: description is listed twice",
        ),
        (("description:", "descripton:"), "1: descripton is not a key"),
        (("share: 0.5", "share: none"), "2: share: none; expected a number from 0.001 to 20"),
        (("share: 0.5", "share: 0.5, rate: 10"), "2: load has not exactly one rate"),
        (("share: 0.5", "before_s: 5"), "2: load has not exactly one rate"),
        (("share: 0.5", "share: 0.5, pattern: zigzag"), "2: pattern: zigzag; expected one of constant"),
        (("share: 0.5", "share: 0.5, pattern: spike"), "2: a spike has not exactly one peak"),
        (("share: 0.5", "share: 0.5, peak_share: 3"), "2: a constant load has no peak"),
        (("share: 0.5", "share: 0.5, pattern: none"), "2: a load of none has a rate"),
        (("share: 0.5", "pattern: none, peak_share: 3"), "2: a load of none has no peak"),
        (("share: 0.5", "pattern: none"), "7: nothing can be expected of a load of none"),
        (("fault: kill", "fault: kil"), "4: kil is not a fault; expected one of "),
        (("target: active", "target: activ"), "5: target: activ; expected active, standby"),
        (("target: active", "target: client"), "5: kill cannot be done to client"),
        (("count: 1", "count: 1.5"), "6: count: 1.5; expected a whole number"),
        (("count: 1", "count: 0"), "6: count: 0; expected a whole number from 1 to 100"),
        (("target: active", "target: all"), "6: count: 1 with target all, which is all of them; expected no"),
        (("target: active", "target: 'haproxy, region'"), "6: count: 1 with target region, which is"),
        (("count: 1", "repeat: 3"), "6: a repeated fault needs its pace"),
        (("count: 1", "length_s: -1"), "6: length_s: -1"),
        (("count: 1", "parameters: {strength: 1}"), "6: kill has no parameter strength"),
        (("count: 1", "parameters: {duration_s: 1}"), "6: duration_s is not a parameter here"),
        (("  lost: 0", "  losses: 0"), "8: losses is not a measure; expected one of "),
        (("  lost: 0", "  lost: few"), "8: lost: few; expected a number"),
        (("under 200", "below 200"), "9: in_rotation_ms: below 200; expected a number"),
        (("  failed: 10", "  over_s: 5"), "10: abort has no bound"),
        (("faults:\n", "faults: [\n"), "not valid YAML"),
        (("- fault: kill\n    target: active\n    count: 1", "- kill"), "4: faults is not a mapping"),
    ],
)
def test_what_is_wrong_is_said_with_its_line(change: tuple[str, str], expected: str) -> None:
    assert change[0] in GOOD
    found = problems(GOOD.replace(*change))
    assert any(expected in one for one in found), found


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "1: the file is empty"),
        ("- a list\n", "1: the file is not a mapping"),
        (
            "description: x\nload: {rate: 5}\nfaults: []\nexpect: {lost: 0}\nabort: {failed: 1}\n",
            "3: no fault and",
        ),
    ],
)
def test_a_file_that_is_no_scenario_is_refused(text: str, expected: str) -> None:
    assert any(expected in one for one in problems(text)), problems(text)


def test_all_problems_are_found_in_one_reading() -> None:
    bad = GOOD.replace("share: 0.5", "share: x").replace("count: 1", "count: y").replace("lost", "last")
    assert [one.split(":", 1)[0] for one in problems(bad)] == ["2", "2", "6", "8"]


def test_a_bad_file_name_is_refused() -> None:
    assert problems(GOOD, "My Own.yaml")[0].startswith("1: file name 'My Own.yaml'")


def test_an_unknown_scenario_names_those_that_are_there() -> None:
    with pytest.raises(ScenarioError) as caught:
        scenario.find("kill-activ", NOBODY)
    assert "kill-active" in caught.value.message()
    assert "comes close" in caught.value.message()


def test_a_users_own_file_works_like_the_labs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It is listed with its line; one of the lab's names replaces the lab's.

    A bad one is said to be bad.
    """
    (tmp_path / "own.yaml").write_text(GOOD)
    (tmp_path / "hang.yaml").write_text(GOOD.replace("one dies", "my own hang"))
    assert command.run(argparse.Namespace(), Settings(scenarios_dir=tmp_path)) == 0
    printed = capsys.readouterr().out
    assert re.search(r"own +one dies +scenarios/own.yaml", printed)
    assert re.search(r"hang +my own hang +scenarios/hang.yaml", printed)
    (tmp_path / "bad.yaml").write_text(GOOD.replace("kill", "kil"))
    assert command.run(argparse.Namespace(), Settings(scenarios_dir=tmp_path)) == 1
    assert "scenarios/bad.yaml:4: kil is not a fault" in capsys.readouterr().out


def rows() -> dict[str, list[str]]:
    """The table rows of docs/scenarios.md by what stands in backticks in their first cell."""
    found: dict[str, list[str]] = {}
    for line in DOCS.read_text(encoding="utf-8").splitlines():
        if line.startswith("| `"):
            cells = [cell.strip() for cell in line.strip("|").split("|")]
            found[cells[0].strip(" `")] = cells
    return found


def test_each_key_is_documented_with_its_default_and_unit() -> None:
    listed = rows()
    for section, made in scenario.SECTIONS.items():
        defaults = {field.name: field.default for field in dataclasses.fields(made)}
        for key, rule in schema.keys(made).items():
            name, default = f"{section}.{key}".lstrip("."), defaults[key]
            shown = f"{default:g}" if isinstance(default, int | float) else default
            told = "required" if key in schema.needed(made) else shown if isinstance(shown, str) else "-"
            assert listed.get(name, [])[:3] == [f"`{name}`", told, rule.unit or "-"], name


def test_each_measure_and_each_scenario_is_documented() -> None:
    listed = rows()
    for name, measure in measures.MEASURES.items():
        assert listed.get(name, [])[:2] == [f"`{name}`", measure.unit], name
    for name, path in scenario.files(NOBODY).items():
        assert listed.get(name, [])[1:] == [parse.read(path).description], name


@pytest.mark.parametrize("path", scenario.files(NOBODY).values(), ids=lambda path: path.stem)
def test_the_moment_of_a_kill_or_a_hang_is_drawn(path: Path) -> None:
    """At a fixed time after the load's start it would always meet the same checks."""
    sudden = [one for one in parse.read(path).faults if one.fault in ("kill", "crash", "pause")]
    places = ("controller", "docker-proxy", "haproxy")
    assert all(one.jitter_s > 0 for one in sudden if one.target not in places)
