"""What a reply says, and what it should say.

A reply of status 200 can be wrong, and only a comparison shows it. The model is deterministic, so
the right answer to each body of a run is known before the load: lab.load.oracle evaluates the model
file itself. They are kept in answers.json.
"""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lab.records.folder import ANSWERS, read_json, write_json

TOLERANCE = 1e-3
"""Replies have four decimals; another model, or a fault, differs by far more."""
OK = 200


@dataclass(frozen=True, slots=True)
class Reply:
    """What a reply to a single candidate says: a prediction, or why it is none."""

    error: str
    probability: float | None = None
    placement: bool | None = None


@dataclass(frozen=True, slots=True)
class Answers:
    """The right answers of a run, in the order of its bodies."""

    model_version: str
    seed: int
    probabilities: list[float]
    placements: list[bool]
    tolerance: float = TOLERANCE


def read_reply(status: int, content: bytes | None, error: BaseException | None) -> Reply:
    """Read a reply; its `error` says briefly what is wrong, empty for a prediction."""
    if error is not None:
        return Reply(f"{type(error).__name__}: {error}")
    if status != OK:
        return Reply(f"status {status}")
    try:
        parsed = json.loads(content or b"")
    except (ValueError, RecursionError):
        return Reply("body is not JSON")
    return _read(parsed)


def _read(said: Any) -> Reply:
    if not isinstance(said, dict) or not isinstance(said.get("Placement"), bool):
        return Reply("body has no Placement")
    probability = said.get("Placement_Probability")
    if isinstance(probability, bool) or not isinstance(probability, float | int) or not 0 <= probability <= 1:
        return Reply("body has no Placement_Probability from 0 to 1")
    return Reply("", float(probability), said["Placement"])


def save(folder: Path, right: Answers) -> None:
    """Write answers.json."""
    write_json(folder / ANSWERS, dataclasses.asdict(right))


def load(folder: Path) -> Answers | None:
    """Read answers.json; None if there is none."""
    if not (folder / ANSWERS).is_file():
        return None
    saved = read_json(folder / ANSWERS)
    return Answers(**{field.name: saved[field.name] for field in dataclasses.fields(Answers)})
