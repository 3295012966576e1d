"""How a key of a scenario file is declared.

Once, as a field of its section's dataclass in scenario.py.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import MISSING, dataclass
from typing import Any

NUMBER, INTEGER, TEXT, TARGETS, MAPPING, LIST = (
    "number", "whole number", "text", "target", "mapping", "list",
)  # fmt: skip


@dataclass(frozen=True)
class Key:
    """What a key takes. `help` says it where the key is missing.

    docs/scenarios.md describes each.
    """

    kind: str
    unit: str = ""
    minimum: float = 0.0
    maximum: float = 1e9
    choices: tuple[str, ...] = ()
    help: str = ""

    def expectation(self) -> str:
        """Return in words what a value has to be."""
        if self.choices:
            return "one of " + ", ".join(self.choices)
        if self.kind in (NUMBER, INTEGER):
            unit = f" ({self.unit})" if self.unit else ""
            return f"a {self.kind} from {self.minimum:g} to {self.maximum:g}{unit}"
        return f"a {self.kind}"


def required(kind: str, help: str) -> Any:  # noqa: A002 - as of argparse
    """Declare a key that has to be there."""
    return dataclasses.field(metadata={"key": Key(kind, help=help)})


def optional(kind: str, default: Any = None, **rule: Any) -> Any:
    """Declare a key that may be left out."""
    return dataclasses.field(default=default, metadata={"key": Key(kind, **rule)})


def number(default: float | None, unit: str, minimum: float = 0.0, maximum: float = 1e9) -> Any:
    """Declare a number that may be left out."""
    return optional(NUMBER, default, unit=unit, minimum=minimum, maximum=maximum)


def keys(section: type) -> Mapping[str, Key]:
    """Return the keys of a section by name."""
    fields = dataclasses.fields(section)
    return {field.name: field.metadata["key"] for field in fields if "key" in field.metadata}


def needed(section: type) -> set[str]:
    """Return the names of the keys without which a section is not whole."""
    fields = dataclasses.fields(section)
    return {field.name for field in fields if field.default is MISSING and field.default_factory is MISSING}
