"""What a scenario is, and where its file is found: the lab's own, then the user's folder."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from lab.errors import ScenarioError
from lab.experiment.schema import INTEGER, LIST, MAPPING, TARGETS, TEXT, Key, number, optional, required
from lab.facts.measures import Expectation

OWN = Path(__file__).resolve().parent.parent / "scenarios"
SHOWN_USERS = "scenarios"
"""The user's folder as the person who reads a message knows it; in the lab's container it is
another."""


PATTERNS = ("constant", "spike", "ramp", "none")


@dataclass(frozen=True)
class Steady:
    """When the system counts as steady: without load, then under the load before the time 0."""

    within_s: float = number(30.0, "s", maximum=600)
    failed_percent: float = number(0.0, "%", maximum=100)
    p95_ms: float = number(500.0, "ms", 1, 60000)


@dataclass(frozen=True)
class LoadPlan:
    """What the clients send. One of share, share_of_survivors and rate is given."""

    pattern: str = optional(TEXT, "constant", choices=PATTERNS)
    share: float | None = number(None, "1", 0.001, 20)
    share_of_survivors: float | None = number(None, "1", 0.001, 20)
    rate: float | None = number(None, "requests/s", 0.1, 20000)
    peak_share: float | None = number(None, "1", 0.001, 20)
    peak_rate: float | None = number(None, "requests/s", 0.1, 20000)
    peak_s: float | None = number(None, "s", 0.1, 3600)
    before_s: float = number(5.0, "s", 1, 600)
    after_s: float = number(2.0, "s", maximum=600)

    @property
    def sent(self) -> bool:
        """Return whether there is a load at all."""
        return self.pattern != "none"


@dataclass(frozen=True)
class FaultPlan:
    """One entry of `faults`. Times from the time 0 on."""

    fault: str = required(TEXT, "what is done: a file of lab/faults/kinds/")
    target: str = required(TARGETS, "to whom; a role is resolved when the experiment starts")
    count: int | None = optional(INTEGER, unit="servers", minimum=1, maximum=100)
    at_s: float = number(0.0, "s", maximum=3600)
    jitter_s: float = number(0.0, "s", maximum=600)
    length_s: float = number(1.0, "s", 0.1, 600)
    repeat: int = optional(INTEGER, 1, unit="times", minimum=1, maximum=100)
    every_s: float | None = number(None, "s", 0.1, 3600)
    parameters: Mapping[str, float] = field(default_factory=dict, metadata={"key": Key(MAPPING)})


@dataclass(frozen=True)
class AbortBound:
    """The damage at which the experiment is ended and everything undone.

    None: no bound of that kind.
    """

    failed: int | None = optional(INTEGER, unit="requests")
    failed_percent: float | None = number(None, "%", maximum=100)
    over_s: float = number(5.0, "s", 1, 600)


@dataclass(frozen=True)
class Recovery:
    """When the system counts as recovered."""

    within_s: float = number(60.0, "s", 1, 3600)
    failed_percent: float = number(0.0, "%", maximum=100)


@dataclass(frozen=True)
class Scenario:
    """A scenario as its file states it. `text` is the file itself."""

    name: str
    description: str = required(TEXT, "what happens in this scenario, in one line")
    load: LoadPlan = required(MAPPING, "what the clients send")
    faults: tuple[FaultPlan, ...] = required(LIST, "what is done to whom, and when; may be empty")
    expect: tuple[Expectation, ...] = required(
        MAPPING, "what is to hold: a measure and its bound in each line; {}: recovery alone"
    )
    abort: AbortBound = required(MAPPING, "the damage at which everything is undone at once")
    steady: Steady = optional(MAPPING, Steady())
    recovery: Recovery = optional(MAPPING, Recovery())
    text: str = field(default="", repr=False)


SECTIONS = {
    "": Scenario,
    "steady": Steady,
    "load": LoadPlan,
    "faults": FaultPlan,
    "abort": AbortBound,
    "recovery": Recovery,
}
"""The parts of a file, by the key that holds them; docs/scenarios.md describes the keys of each."""


def files(users: Path) -> dict[str, Path]:
    """Map the name of each scenario to its file.

    A user's own replaces the lab's of the same name.
    """
    known: dict[str, Path] = {}
    for folder in (OWN, users):
        if folder.is_dir():
            known |= {path.stem: path for path in sorted(folder.glob("*.yaml"))}
    return known


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
