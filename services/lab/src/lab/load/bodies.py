"""The request bodies of a run, drawn from the features that a model takes.

Valid, different, from a seed.
"""

from __future__ import annotations

import json
import random
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lab.errors import LabError
from lab.parts.predictors import FeatureSchema
from lab.records.folder import BODIES, read_json, write_json

COUNT = 200
"""How many different bodies a run sends, over and over."""

Value = str | float


def _value(feature: Mapping[str, Any], draw: random.Random) -> Value:
    """Draw a value of a feature; raise LabError for a kind of feature that is not known."""
    match feature.get("kind"):
        case "category":
            return str(draw.choice(feature["values"]))
        case "percentage":  # of two decimals; the middle is more frequent, as of most quantities
            return round(draw.triangular(feature["minimum"], feature["maximum"]), 2)
        case other:
            raise LabError(
                f"feature {feature.get('name')!r} is of the kind {other!r}",
                cause="the tools draw values of the kinds category, percentage",
                remedy="add the kind to lab/load/bodies.py and lab/load/oracle.py",
            )


def candidate(schema: FeatureSchema, draw: random.Random) -> dict[str, Value]:
    """Draw what one prediction is asked for."""
    return {feature["name"]: _value(feature, draw) for feature in schema}


def bodies(schema: FeatureSchema, count: int, seed: int) -> list[str]:
    """Return `count` request bodies; made beforehand, so that sending one costs nothing."""
    draw = random.Random(seed)  # noqa: S311 - load, not a secret
    return [json.dumps(candidate(schema, draw)) for _ in range(count)]


def save(folder: Path, drawn: list[str]) -> None:
    """Write bodies.json."""
    write_json(folder / BODIES, drawn)


def load(folder: Path) -> list[str]:
    """Read bodies.json."""
    return [str(body) for body in read_json(folder / BODIES)]
