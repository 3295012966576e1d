"""From the text of a scenario file to a Scenario, or to all that is wrong with it. Pure, strict."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from yaml.nodes import MappingNode, Node, SequenceNode

from lab import faults
from lab.errors import LabError, ScenarioError
from lab.experiment import schema, targets
from lab.experiment.scenario import SECTIONS, AbortBound, FaultPlan, LoadPlan, Scenario, shown
from lab.experiment.schema import Key
from lab.facts import measures
from lab.facts.measures import Expectation
from lab.faults.contract import DURATION, place_of
from lab.topology import yaml_nodes
from lab.topology.servers import Problem
from lab.topology.yaml_nodes import Entry

NAME = re.compile(r"[a-z0-9][a-z0-9-]*")
BOUND = re.compile(r"(?:(at most|at least|under|above)\s+)?(\d+(?:\.\d+)?)")
BOUND_WORDS = "a number, or 'at most', 'at least', 'under' or 'above' and a number"
RATES = ("share", "share_of_survivors", "rate")
PEAKS = ("peak_share", "peak_rate")


@dataclass
class _Reader:
    """Collects the problems of one file."""

    problems: list[Problem] = field(default_factory=list)

    def wrong(self, line: int, what: str, expected: str) -> None:
        self.problems.append(Problem(line, what, expected))

    def section(self, node: Node, name: str, line: int) -> dict[str, Any]:
        """Read the plain keys of a section; mappings and lists are left to the caller."""
        keys, needed = schema.keys(SECTIONS[name]), schema.needed(SECTIONS[name])
        where = f"{name}." if name else ""
        if not isinstance(node, MappingNode):
            self.wrong(line, f"{name or 'the file'} is not a mapping", f"the keys {', '.join(keys)}")
            return {}
        found = yaml_nodes.entries(node)
        for key, entry in found.items():
            if key not in keys:
                self.wrong(entry.line, f"{where}{key} is not a key", f"one of {', '.join(keys)}")
        values: dict[str, Any] = {}
        for key, rule in keys.items():
            given = found.get(key)
            if given is None:
                if key in needed:
                    self.wrong(line, f"no key {where}{key}", rule.help)
            elif rule.kind in (schema.MAPPING, schema.LIST):
                values[key] = given
            elif (value := self.value(given, key, rule)) is not None:
                values[key] = value
        return values

    def value(self, entry: Entry, name: str, rule: Key) -> str | float | None:
        """Read one value by its rule; None and a problem if it breaks the rule."""
        text = (entry.text or "").strip()
        expected = rule.expectation()
        if rule.kind in (schema.NUMBER, schema.INTEGER):
            pattern = r"\d+" if rule.kind == schema.INTEGER else r"\d+(\.\d+)?"
            if re.fullmatch(pattern, text) and rule.minimum <= float(text) <= rule.maximum:
                return int(text) if rule.kind == schema.INTEGER else float(text)
        elif rule.kind == schema.TARGETS:
            if targets.is_one(text):
                return text
            expected = targets.EXPECTED
        elif text in rule.choices or (text and "\n" not in text and not rule.choices):
            return text
        self.wrong(entry.line, f"{name}: {text or 'no such value'}", expected)
        return None

    def load(self, entry: Entry) -> LoadPlan:
        values = self.section(entry.node, "load", entry.line)
        pattern = values.get("pattern", "constant")
        rates, peaks = (sum(key in values for key in keys) for keys in (RATES, PEAKS))
        if pattern == "none" and rates:
            self.wrong(entry.line, "a load of none has a rate", f"no {', no '.join(RATES)}")
        if pattern != "none" and rates != 1:
            self.wrong(entry.line, "load has not exactly one rate", f"one of {', '.join(RATES)}")
        if pattern in ("constant", "none") and (peaks or "peak_s" in values):
            self.wrong(
                entry.line,
                f"{'a constant load' if pattern == 'constant' else 'a load of none'} has no peak",
                "pattern: spike or ramp, or no peak_... key",
            )
        if pattern in ("spike", "ramp") and peaks != 1:
            self.wrong(entry.line, f"a {pattern} has not exactly one peak", f"one of {', '.join(PEAKS)}")
        if pattern == "spike" and "peak_s" not in values:
            self.wrong(entry.line, "a spike has no length", "peak_s")
        return LoadPlan(**values)

    def faults(self, entry: Entry) -> tuple[FaultPlan, ...]:
        if not isinstance(entry.node, SequenceNode):
            self.wrong(entry.line, "faults is not a list", "'- fault: NAME' per fault, or [] for none")
            return ()
        return tuple(plan for item in yaml_nodes.items(entry.node) if (plan := self.fault(item)) is not None)

    def fault(self, item: Entry) -> FaultPlan | None:
        values = self.section(item.node, "faults", item.line)
        if "fault" not in values or "target" not in values:
            return None
        own = yaml_nodes.entries(item.node)
        if "count" in values and (whole := targets.uncountable(values["target"])):
            self.wrong(
                own["count"].line,
                f"count: {values['count']} with target {whole[0]}, which is all of them",
                "no count, or the target any or region:NAME",
            )
        given = own.get("parameters")
        entries = yaml_nodes.entries(given.node) if given else {}
        if given and not isinstance(given.node, MappingNode):
            self.wrong(given.line, "parameters is not a mapping", "the fault's own parameters")
        values["parameters"] = self.parameters(values["fault"], values["target"], own, entries)
        repeat, every_s = values.get("repeat", 1), values.get("every_s")
        if repeat > 1 and (every_s is None or every_s <= values.get("length_s", 1.0)):
            self.wrong(own["repeat"].line, "a repeated fault needs its pace", "every_s, longer than length_s")
        return FaultPlan(**values)

    def parameters(
        self, name: str, target: str, own: Mapping[str, Entry], entries: Mapping[str, Entry]
    ) -> dict[str, float]:
        """Read the fault's own parameters.

        The fault itself knows them, and whom it can be done to.
        """
        try:
            known = faults.load(name)
        except LabError:
            self.wrong(own["fault"].line, f"{name} is not a fault", f"one of {', '.join(faults.names())}")
            return {}
        for word in (part.strip() for part in target.split(",")):
            if place_of(word) not in known.places:
                places = ", ".join(known.places)
                self.wrong(own["target"].line, f"{name} cannot be done to {word}", f"one of {places}")
        values: dict[str, float] = {}
        for key, entry in entries.items():
            if key == DURATION:
                self.wrong(entry.line, f"{key} is not a parameter here", "length_s beside parameters")
                continue
            if key not in known.parameters:
                names = ", ".join(each for each in known.parameters if each != DURATION) or "none"
                self.wrong(entry.line, f"{name} has no parameter {key}", f"one of {names}")
                continue
            text = (entry.text or "").strip()
            try:
                value = float(text)
            except ValueError:
                value = float("nan")
            if problem := known.parameters[key].problem(value):
                self.wrong(entry.line, f"{key}: {text or 'no such value'}", problem.removeprefix("expected "))
            else:
                values[key] = value
        return values

    def expect(self, entry: Entry) -> tuple[Expectation, ...]:
        if not isinstance(entry.node, MappingNode):
            self.wrong(
                entry.line, "expect is not a mapping", "a measure and its bound in each line, or {} for none"
            )
            return ()
        bounds = []
        for name, one in yaml_nodes.entries(entry.node).items():
            if name not in measures.MEASURES:
                self.wrong(one.line, f"{name} is not a measure", f"one of {', '.join(measures.MEASURES)}")
                continue
            match = BOUND.fullmatch((one.text or "").strip())
            if not match:
                self.wrong(one.line, f"{name}: {one.text or 'no such value'}", BOUND_WORDS)
                continue
            bounds.append(Expectation(name, match.group(1) or "equal", float(match.group(2))))
        return tuple(bounds)

    def abort(self, entry: Entry) -> AbortBound:
        values = self.section(entry.node, "abort", entry.line)
        if not {"failed", "failed_percent"} & set(values):
            self.wrong(entry.line, "abort has no bound", "failed, failed_percent or both")
        return AbortBound(**values)

    def together(self, top: Mapping[str, Entry], made: Mapping[str, Any]) -> None:
        """Check the keys that are right alone and wrong together."""
        if made["load"].pattern in ("constant", "none") and not made["faults"]:
            self.wrong(top["faults"].line, "no fault and no peak of the load", "a fault, or pattern: spike")
        if not made["load"].sent and made["expect"]:
            self.wrong(top["expect"].line, "nothing can be expected of a load of none", "expect: {}")


def parse(text: str, file_name: str) -> tuple[Scenario | None, tuple[Problem, ...]]:
    """Read a scenario; if something is wrong, return None and the problems by line."""
    reader = _Reader()
    name = file_name.removesuffix(".yaml")
    if not NAME.fullmatch(name):
        reader.wrong(1, f"file name {file_name!r}", "a-z, 0-9 and '-', then .yaml")
    try:
        root = yaml_nodes.compose(text)
    except yaml_nodes.YamlSyntaxError as error:
        return None, (Problem(error.line, f"not valid YAML: {error.what}", "a YAML mapping"),)
    if root is None:
        return None, (Problem(1, "the file is empty", f"the keys {', '.join(schema.keys(Scenario))}"),)
    reader.problems += yaml_nodes.problems(root)
    top = reader.section(root, "", yaml_nodes.line_of(root))
    readers = {name: getattr(reader, name) for name in ("load", "faults", "expect", "abort")}
    values: dict[str, Any] = {key: read(top[key]) for key, read in readers.items() if key in top}
    for key in ("steady", "recovery"):
        if key in top:
            values[key] = SECTIONS[key](**reader.section(top[key].node, key, top[key].line))
    if not reader.problems:
        reader.together(top, values)
    if reader.problems:
        return None, tuple(sorted(reader.problems, key=lambda problem: problem.line))
    return Scenario(name=name, description=top["description"], text=text, **values), ()


def read(path: Path) -> Scenario:
    """Read a scenario file; raise ScenarioError that lists each problem with its line."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ScenarioError(f"{shown(path)} cannot be read: {error}") from error
    found, problems = parse(text, path.name)
    if found is None:
        lines = [f"{shown(path)}:{one.line}: {one.what}; expected {one.expected}" for one in problems]
        raise ScenarioError("\n".join(lines), remedy="docs/scenarios.md describes each key")
    return found
