"""Reads YAML as nodes that know their line, with merge keys (`<<`) resolved.

A YAML library's loader drops the lines and stops at the first key that stands twice. Checks need both: here
each `Entry` says in which line its key stands (counted from 1), and `duplicates` finds all such keys.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

MERGE_KEY = "<<"


class YamlSyntaxError(ValueError):
    """The text is not YAML. `line` counts from 1."""

    def __init__(self, line: int, what: str) -> None:
        super().__init__(what)
        self.line = line
        self.what = what


@dataclass(frozen=True)
class Duplicate:
    """A key that stands twice in one mapping; lines count from 1."""

    key: str
    line: int
    first_line: int


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
        """Return the line of the first line of text, which in a block scalar is the one below the `|`."""
        below = 1 if isinstance(self.node, ScalarNode) and self.node.style in ("|", ">") else 0
        return line_of(self.node) + below


def line_of(node: Node) -> int:
    """Return the line in which a node starts, counted from 1."""
    return int(node.start_mark.line) + 1


def compose(text: str) -> Node | None:
    """Return the root node, None for an empty text; raises YamlSyntaxError."""
    # Only the tree is asked for: constructing values would fail at the first duplicate key.
    try:
        root: Node | None = YAML(typ="safe", pure=True).compose(text)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark is not None else 1
        raise YamlSyntaxError(line, " ".join(str(error.problem or error.context or error).split())) from error
    except YAMLError as error:
        raise YamlSyntaxError(1, " ".join(str(error).split())) from error
    return root


def entries(node: Node | None) -> dict[str, Entry]:
    """Return a mapping's entries, merges resolved: own keys win, then earlier merges. Else empty."""
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


def duplicates(node: Node | None, seen: set[int] | None = None) -> Iterator[Duplicate]:
    """Find each key that stands twice in its mapping, anywhere in the tree; an alias is walked once."""
    seen = set() if seen is None else seen
    if node is None or id(node) in seen:
        return
    seen.add(id(node))
    if isinstance(node, MappingNode):
        first: dict[str, int] = {}
        for key, value in node.value:
            name = str(key.value)
            if name in first:
                yield Duplicate(name, line_of(key), first[name])
            first.setdefault(name, line_of(key))
            yield from duplicates(value, seen)
    elif isinstance(node, SequenceNode):
        for item in node.value:
            yield from duplicates(item, seen)
