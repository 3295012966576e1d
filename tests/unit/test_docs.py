"""docs/settings.md and docs/results.md list what the code has.

Each setting, column, key, field and event.

What has to be there is read from the code itself (or from files that the code writes here), so that
a new column or a changed default fails until its line is written.
"""

import ast
import dataclasses
import json
import re
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, get_type_hints

import pytest

import controller.settings
import lab.settings
import predictor.settings
from hadr.contract import Event, Kind, Source, Verb
from lab import bench
from lab.bench.figures import Figure
from lab.facts import compare, first_failures
from lab.facts.metrics import FirstFailure, Latency, Server
from lab.facts.summary import Summary
from lab.load import provenance, spec
from lab.load.accounting import Run
from lab.parts.controller import ServerState, State
from lab.records.classes import KINDS
from lab.records.folder import CPU_COLUMNS
from lab.records.requests import COLUMNS
from lab.settings import Settings
from predictor.access_log import Entry

ROOT = Path(__file__).resolve().parents[2]
COMPOSE_FILES = [
    ROOT / "compose/compose.yaml",
    ROOT / "compose/predictor.yaml",
    *sorted((ROOT / "compose/topologies").glob("*.yaml")),
]
SCRIPTS = sorted((ROOT / "compose/bin").glob("*.sh"))
SETTINGS = [
    *((each.env, each.default, each.unit) for each in predictor.settings.SETTINGS),
    *((each.env, each.default, each.unit) for each in controller.settings.SETTINGS),
    *((each.env, each.default, each.unit) for each in lab.settings.SETTINGS),
]
STATE = State(
    topology="2-active",
    version="1",
    time=1.0,
    steady=True,
    steady_reason="",
    engine_reachable=True,
    haproxy_reachable=True,
    servers=(ServerState("p", "active", "r", "up", "running", True, 100, 0, 10, 0, ""),),
)


def read(name: str) -> str:
    path = ROOT / name
    assert path.is_file(), f"{name} is missing"
    return path.read_text(encoding="utf-8")


def rows(text: str) -> dict[str, list[str]]:
    """Map what stands in backticks in the first cell of each table row to the row's cells."""
    found: dict[str, list[str]] = {}
    for line in text.splitlines():
        if line.startswith("|"):
            cells = [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
            found |= dict.fromkeys(re.findall(r"`([^`]+)`", cells[0]), cells)
    return found


def words(text: str) -> set[str]:
    """Return all that stands in backticks; of `a.b` also a and b."""
    quoted = re.findall(r"`([^`\n]+)`", text)
    return {part for one in quoted for part in (one, *one.split("."))}


def missing(wanted: Iterable[str], present: Iterable[str]) -> list[str]:
    return sorted(set(wanted) - set(present))


def section(text: str, heading: str) -> str:
    """Return what stands below a heading, up to the next one of its level or above."""
    level = heading.split(" ", 1)[0]
    assert f"\n{heading}\n" in text, f"docs/results.md has no heading {heading!r}"
    below = text.split(f"\n{heading}\n", 1)[1]
    return re.split(rf"^#{{1,{len(level)}}} ", below, maxsplit=1, flags=re.MULTILINE)[0]


def fields_of(*classes: Any) -> set[str]:
    return {each.name for one in classes for each in dataclasses.fields(one)}


def under(prefix: str, cls: Any) -> set[str]:
    return {f"{prefix}.{name}" for name in fields_of(cls)}


def calls(path: Path, name: str) -> Iterator[ast.Call]:
    """Yield the calls of a function or method of this name."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call):
            called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            if called == name:
                yield node


def first_text(call: ast.Call) -> str | None:
    """Return a call's first argument if it is a text in the source."""
    value = call.args[0].value if call.args and isinstance(call.args[0], ast.Constant) else None
    return value if isinstance(value, str) else None


def test_each_setting_is_listed_with_its_default_and_unit() -> None:
    listed = rows(read("docs/settings.md"))
    wrong = []
    for env, default, unit in SETTINGS:
        expected = [f"`{env}`", f"`{default}`" if default else "empty", unit or "-"]
        if listed.get(env, [])[:3] != expected:
            wrong.append(f"expected a row | {' | '.join(expected)} | ..., got {listed.get(env)}")
    assert not wrong, "docs/settings.md:\n" + "\n".join(wrong)


def test_no_setting_is_listed_that_is_gone() -> None:
    prefixes = ("PREDICTOR_", "CONTROLLER_", "LAB_")
    known = {env for env, _, _ in SETTINGS} | {"LAB_RUN_OPTIONS"}
    listed = {name for name in rows(read("docs/settings.md")) if name.startswith(prefixes)}
    assert not missing(listed, known), "docs/settings.md lists settings that no service has"


def interpolated(path: Path) -> dict[str, set[str]]:
    """Map each variable that Compose puts into a file to its defaults there."""
    text = re.sub(r"(^|\s)#.*", "", path.read_text(encoding="utf-8"), flags=re.MULTILINE)
    found: dict[str, set[str]] = {}
    for name, default in re.findall(r"(?<!\$)\$\{(\w+)(?::-([^}]*))?[^}]*\}", text):
        found.setdefault(name, set()).update({default} - {""})
    return found


@pytest.mark.parametrize("path", COMPOSE_FILES, ids=lambda path: path.name)
def test_each_variable_of_a_compose_file_is_listed_with_its_default(path: Path) -> None:
    listed = rows(read("docs/settings.md"))
    for name, defaults in interpolated(path).items():
        assert name in listed, f"{path.name} uses ${{{name}}}; docs/settings.md has no row for it"
        for default in defaults:
            row = " | ".join(listed[name])
            assert f"`{default}`" in row, (
                f"{path.name}: {name} defaults to {default}; docs/settings.md: {row}"
            )


def test_each_variable_of_the_scripts_the_makefile_and_the_tests_is_named() -> None:
    wanted = set()
    for script in SCRIPTS:
        wanted |= set(re.findall(r"\$\{([A-Z][A-Z0-9_]*):?[-+?=]", script.read_text(encoding="utf-8")))
    wanted |= set(re.findall(r"\$\((?:or \$\()?([A-Z][A-Z0-9_]*)\)", read("Makefile")))
    for test in sorted((ROOT / "tests").rglob("*.py")):
        wanted |= set(re.findall(r"environ\.get\(\s*\"(HADR_\w+)\"", test.read_text(encoding="utf-8")))
    own = {"BIN", "MAKEFILE_LIST"}
    assert not missing(wanted - own, words(read("docs/settings.md"))), "docs/settings.md does not name them"


def haproxy_log_fields() -> set[str]:
    (line,) = re.findall(r"^\s*log-format (.*)$", read("haproxy/haproxy.cfg"), flags=re.MULTILINE)
    return set(re.findall(r"%\((\w+)(?::\w+)?\)", line))


def observed_fields() -> set[str]:
    """Return the keys of the dictionary that controller.observe._shown makes."""
    tree = ast.parse(read("services/controller/src/controller/observe.py"))
    (shown,) = [node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == "_shown"]
    (made,) = [node for node in ast.walk(shown) if isinstance(node, ast.Dict)]
    return {str(key.value) for key in made.keys if isinstance(key, ast.Constant)}


@pytest.mark.parametrize(
    ("heading", "names"),
    [
        ("### requests.csv", {*COLUMNS}),
        ("### Kinds of failure", {*KINDS}),
        ("### cpu.csv", {*CPU_COLUMNS}),
        ("### load.json", fields_of(spec.LoadSpec)),
        (
            "## Comparison",
            {"rates", *under("rates", compare.RateRow), "loads", *under("loads", compare.LoadRow)},
        ),
        ("## Several runs", fields_of(first_failures.Rates)),
        ("### HAProxy", haproxy_log_fields()),
        ("### Predictor", fields_of(Entry)),
        ("#### What an observation shows", observed_fields()),
        ("### State", fields_of(State) | under("servers", ServerState)),
    ],
)
def test_a_table_has_a_row_for_each_name_and_no_other(heading: str, names: set[str]) -> None:
    listed = set(rows(section(read("docs/results.md"), heading)))
    assert len(names) > 2, "the code was not understood"
    assert listed == names, f"{heading}: rows missing: {names - listed}; rows of nothing: {listed - names}"


@pytest.mark.parametrize(
    ("heading", "names"),
    [
        ("## Benchmark", fields_of(Figure) | {*bench.names()}),
        ("### Controller: the journal", {*map(str, Verb), "none"}),
    ],
)
def test_a_table_has_a_row_for_each_name(heading: str, names: set[str]) -> None:
    assert not missing(names, rows(section(read("docs/results.md"), heading))), f"{heading}: rows missing"


def test_each_key_of_generator_json_is_documented(tmp_path: Path) -> None:
    run = Run(spec.from_settings(Settings()), tmp_path)
    run.begin()
    run.close()
    written = json.loads((tmp_path / "generator.json").read_text(encoding="utf-8"))
    assert set(rows(section(read("docs/results.md"), "### generator.json"))) == set(written)


def test_each_key_of_settings_json_is_documented() -> None:
    saved = provenance.saved_settings(Settings(), STATE, time.time())
    text = section(read("docs/results.md"), "### settings.json")
    assert not missing(saved, rows(text)), "docs/results.md: keys of settings.json"
    assert not missing(saved["versions"], words(text)), "docs/results.md: versions in settings.json"


def nested(cls: Any, prefix: str = "") -> Iterator[str]:
    """Yield the keys of a saved dataclass, a part's key as `part.key`."""
    parts = {"first_failure": FirstFailure, "latency": Latency, "servers": Server}
    for name, hint in get_type_hints(cls).items():
        yield prefix + name
        part = parts.get(name, hint)
        if dataclasses.is_dataclass(part):
            yield from nested(part, f"{name}.")


def test_each_key_of_summary_json_is_documented() -> None:
    text = section(read("docs/results.md"), "### summary.json")
    listed = rows(text)
    # The row of `generator` names the keys that it shares with generator.json.
    present = {*listed, *(f"generator.{word}" for word in words(" | ".join(listed["generator"])))}
    wanted = {name for name in nested(Summary) if name not in ("lag", "latency", "cpu")}
    assert not missing(wanted, present), "docs/results.md: keys of summary.json"


def test_each_event_of_the_journal_is_documented_with_its_fields() -> None:
    listed = rows(section(read("docs/results.md"), "### Controller: the journal"))
    recorded: dict[Event, set[str]] = {}
    for path in sorted((ROOT / "services/controller/src/controller").glob("*.py")):
        for call in calls(path, "record"):
            if isinstance(call.args[0], ast.Attribute):
                event = Event[call.args[0].attr]
                recorded.setdefault(event, set()).update(word.arg for word in call.keywords if word.arg)
    assert set(recorded) == set(Event), "the calls of Journal.record were not understood"
    assert not missing(["seq", "time", "monotonic", "event", *Event], listed)
    for event, fields in recorded.items():
        assert not missing(fields, words(" | ".join(listed[event]))), f"fields of the event {event}"


def test_each_kind_and_source_of_a_signal_is_documented() -> None:
    listed = words(section(read("docs/results.md"), "### Controller: the journal"))
    assert not missing([*Kind, *Source, *Verb], listed)
