"""What a scenario is, and where its file is found: the lab's own, then the user's folder."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from lab.errors import ScenarioError
from lab.facts.measures import Expectation

OWN = Path(__file__).resolve().parent.parent / "scenarios"
SHOWN_USERS = "scenarios"
"""The user's folder as the person who reads a message knows it; in the lab's container it is another."""


@dataclass(frozen=True)
class Steady:
    """When the system counts as steady, first without load and then under the load before the time 0."""

    within_s: float = 30.0
    failed_percent: float = 0.0
    p95_ms: float = 500.0


@dataclass(frozen=True)
class LoadPlan:
    """What the clients send. One of share, share_of_survivors and rate (requests/s) is given."""

    pattern: str = "constant"
    share: float | None = None
    share_of_survivors: float | None = None
    rate: float | None = None
    peak_share: float | None = None
    peak_rate: float | None = None
    peak_s: float | None = None
    before_s: float = 5.0
    after_s: float = 2.0

    @property
    def sent(self) -> bool:
        """Whether there is a load at all."""
        return self.pattern != "none"


@dataclass(frozen=True)
class FaultPlan:
    """One entry of `faults`. Times in s from the time 0 on."""

    fault: str
    target: str
    count: int | None = None
    at_s: float = 0.0
    jitter_s: float = 0.0
    length_s: float = 1.0
    repeat: int = 1
    every_s: float | None = None
    parameters: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class AbortBound:
    """The damage at which the experiment is ended and everything undone; None: no bound of that kind."""

    failed: int | None = None
    failed_percent: float | None = None
    over_s: float = 5.0


@dataclass(frozen=True)
class Recovery:
    """When the system counts as recovered."""

    within_s: float = 60.0
    failed_percent: float = 0.0


@dataclass(frozen=True)
class Scenario:
    """A scenario as its file states it. `text` is the file itself."""

    name: str
    description: str
    load: LoadPlan
    faults: tuple[FaultPlan, ...]
    expect: tuple[Expectation, ...]
    abort: AbortBound
    steady: Steady = Steady()
    recovery: Recovery = Recovery()
    text: str = field(default="", repr=False)


def files(users: Path) -> dict[str, Path]:
    """Map the name of each scenario to its file; a user's own replaces the lab's of the same name."""
    found: dict[str, Path] = {}
    for folder in (OWN, users):
        if folder.is_dir():
            found |= {path.stem: path for path in sorted(folder.glob("*.yaml"))}
    return found


def find(name: str, users: Path) -> Path:
    """Return the file of a scenario by name; raise ScenarioError with the valid names."""
    known = files(users)
    wanted = name.removesuffix(".yaml").rsplit("/", 1)[-1]
    if wanted in known:
        return known[wanted]
    close = difflib.get_close_matches(wanted, known, n=1, cutoff=0.5)
    raise ScenarioError(
        f"no scenario {name!r}; expected one of: {', '.join(sorted(known))}"
        if name
        else "SCENARIO is missing",
        cause=f"a typing error: {close[0]!r} comes close" if close else "",
        remedy=f"make scenarios lists them; your own go to {SHOWN_USERS}/NAME.yaml",
    )


def shown(path: Path) -> str:
    """Return the file's name as the person who reads a message knows it."""
    return f"lab/scenarios/{path.name}" if path.parent == OWN else f"{SHOWN_USERS}/{path.name}"
