"""What a scenario file may say of a fault: name, target, parameters. The faults themselves know."""

from __future__ import annotations

from collections.abc import Mapping

from lab import faults
from lab.errors import LabError

Wrong = tuple[str, str, str]
"""Key of the entry (`fault`, `target` or a parameter), what is wrong, what was expected."""


def check(fault: str, target: str, given: Mapping[str, str]) -> tuple[dict[str, float], list[Wrong]]:
    """Return the values of the parameters of an entry of `faults`, and all that is wrong with the entry."""
    try:
        known = faults.load(fault)
    except LabError:
        return {}, [("fault", f"{fault} is no fault", f"one of {', '.join(faults.names())}")]
    places = ", ".join(known.places)
    wrong: list[Wrong] = [
        ("target", f"{fault} cannot be done to {word}", f"one of {places}")
        for word in (part.strip() for part in target.split(","))
        if faults.place_of(word) not in known.places
    ]
    values: dict[str, float] = {}
    for key, text in given.items():
        parameter = known.parameters.get(key)
        if key == faults.DURATION:
            wrong.append((key, f"{key} is no parameter here", "length_s beside parameters"))
            continue
        if parameter is None:
            names = ", ".join(name for name in known.parameters if name != faults.DURATION) or "none"
            wrong.append((key, f"{fault} has no parameter {key}", f"one of {names}"))
            continue
        try:
            value = float(text)
        except ValueError:
            value = float("nan")
        if problem := parameter.problem(value):
            wrong.append((key, f"{key}: {text or 'no such value'}", problem.removeprefix("expected ")))
        else:
            values[key] = value
    return values, wrong
