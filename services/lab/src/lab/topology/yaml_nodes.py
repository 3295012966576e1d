"""Reads YAML as nodes that know their line, with merge keys (`<<`) resolved.

A YAML library's loader drops the lines and keeps the last of two keys that are the same. Checks
need both: here each `Entry` says in which line its key stands (counted from 1). `problems` refuses
what two readers of the file could take for two things: a key that is listed twice, and the words
that YAML 1.1 (PyYAML) takes for booleans and YAML 1.2 (Compose) for text.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import yaml
from yaml.error import MarkedYAMLError, YAMLError
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from lab.topology.servers import Problem

MERGE_KEY = "<<"


class YamlSyntaxError(ValueError):
    """The text is not YAML. `line` counts from 1."""

    def __init__(self, line: int, what: str) -> None:
        super().__init__(what)
        self.line = line
        self.what = what


@dataclass(frozen=True)
class Entry:
    """A value of a mapping and the line of its key, counted from 1."""

    node: Node
    line: int

    @property
    def text(self) -> str | None:
        """The scalar as written, or None for a list or a mapping."""
        return str(self.node.value) if isinstance(self.node, ScalarNode) else None

    @property
    def block_first_line(self) -> int:
        """Return the line where the text begins; in a block scalar, the line below the `|`."""
        below = 1 if isinstance(self.node, ScalarNode) and self.node.style in ("|", ">") else 0
        return line_of(self.node) + below


def line_of(node: Node) -> int:
    """Return the line in which a node starts, counted from 1."""
    return int(node.start_mark.line) + 1


def compose(text: str) -> Node | None:
    """Return the root node, None for an empty text; raises YamlSyntaxError."""
    # Only the tree is asked for: constructing values would fail at the first duplicate key.
    try:
        root: Node | None = yaml.compose(text, Loader=yaml.SafeLoader)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark is not None else 1
        raise YamlSyntaxError(line, " ".join(str(error.problem or error.context or error).split())) from error
    except YAMLError as error:
        raise YamlSyntaxError(1, " ".join(str(error).split())) from error
    return root


def entries(node: Node | None) -> dict[str, Entry]:
    """Return a mapping's entries, merges resolved.

    Own keys win, then earlier merges. Else empty.
    """
    if not isinstance(node, MappingNode):
        return {}
    own: dict[str, Entry] = {}
    merged: dict[str, Entry] = {}
    for key, value in node.value:
        if key.value == MERGE_KEY:
            sources = value.value if isinstance(value, SequenceNode) else [value]
            for source in sources:
                for name, entry in entries(source).items():
                    merged.setdefault(name, entry)
        else:
            own[str(key.value)] = Entry(value, line_of(key))
    return merged | own


def items(node: Node | None) -> tuple[Entry, ...]:
    """Return a list's items; empty for anything else."""
    return tuple(Entry(item, line_of(item)) for item in node.value) if isinstance(node, SequenceNode) else ()


def problems(root: Node | None) -> list[Problem]:
    """Return each key that is listed twice, and each plain word that is a boolean in YAML 1.1."""
    return [problem for node in _nodes(root) for problem in (*_twice(node), *_ambiguous(node))]


def _nodes(root: Node | None) -> Iterator[Node]:
    """Yield every node of a tree; an alias's node once."""
    waiting, seen = [root] if root is not None else [], set[int]()
    while waiting:
        node = waiting.pop()
        if id(node) in seen:
            continue
        seen.add(id(node))
        yield node
        if isinstance(node, MappingNode):
            waiting += [each for pair in node.value for each in pair]
        elif isinstance(node, SequenceNode):
            waiting += node.value


def _twice(node: Node) -> Iterator[Problem]:
    if not isinstance(node, MappingNode):
        return
    first: dict[str, int] = {}
    for key, _ in node.value:
        name = str(key.value)
        if name in first:
            what = f"{name} is listed twice, first in line {first[name]}"
            yield Problem(line_of(key), what, "each name and key once")
        first.setdefault(name, line_of(key))


def _ambiguous(node: Node) -> Iterator[Problem]:
    plain = isinstance(node, ScalarNode) and node.style is None
    if plain and str(node.tag).endswith(":bool") and node.value.lower() not in ("true", "false"):
        what = f"{node.value} is a boolean to some readers of YAML and a text to others"
        yield Problem(line_of(node), what, f'true, false, or "{node.value}" in quotes')
