"""What load to send, and by when a reply has to be there: load.json of a result folder.

Who starts a load writes it, the generator sends what it says and knows nothing else, and who judges
the run reads the limits there. It is made from what a person set (`from_settings`) or what a
scenario plans.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lab.errors import RecordsError
from lab.records.folder import LOAD, read_json, write_json

if TYPE_CHECKING:
    from pathlib import Path

    from lab.settings import Settings


@dataclass(frozen=True, kw_only=True)
class LoadSpec:
    """One load; docs/settings.md says what each part does."""

    target_url: str
    pattern: str  # ramp, constant, steps, spike or users
    rate_per_s: float  # at the start, in requests/s
    rate_max_per_s: float
    ramp_per_s: float  # how much the rate grows each second; users: how many start each second
    duration_s: float
    step_s: float
    spike_s: float
    users: int
    think_s: float
    arrivals: str  # poisson or even
    seed: int
    limit_ms: float
    timeout_s: float
    beyond_s: float  # how long the load goes on after the first failure; -1: to the end
    in_flight_max: int

    @property
    def drain_s(self) -> float:
        """Return how long after its sending a request is over.

        Its deadline, and a moment for its row.
        """
        return self.timeout_s + DRAIN_S


DRAIN_S = 1.0


def from_settings(settings: Settings) -> LoadSpec:
    """Return the load that a person asked for."""
    names = {field.name for field in dataclasses.fields(LoadSpec)} & vars(settings).keys()
    given = {name: getattr(settings, name) for name in names}
    return LoadSpec(**given, rate_per_s=settings.rate, rate_max_per_s=settings.rate_max)


def save(folder: Path, spec: LoadSpec) -> None:
    """Write load.json."""
    write_json(folder / LOAD, dataclasses.asdict(spec))


def read(folder: Path) -> LoadSpec:
    """Read load.json back; raise RecordsError if it is missing or of another version."""
    path = folder / LOAD
    raw = read_json(path)
    names = {field.name for field in dataclasses.fields(LoadSpec)}
    if not isinstance(raw, dict) or set(raw) != names:
        raise RecordsError(
            f"{path} does not have the keys of a load: {', '.join(sorted(names))}",
            cause="it was written by another version of the lab",
            remedy="run the load again",
        )
    return LoadSpec(**raw)
