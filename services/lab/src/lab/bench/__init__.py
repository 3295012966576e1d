"""What the lab promises, measured: one measurement, one file; a new file is found without a list.

A measurement is a module of lab.bench.measurements with

    HELP                        one line for a person
    measure(bench) -> Figures   runs it on the topology that is running

and what it measures is written to NAME.json in the folder of the benchmark, with every single value, so that
the table can be drawn again from there.
"""

import importlib
import pkgutil
import statistics
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol, cast

from lab import records
from lab.bench import measurements
from lab.errors import LabError
from lab.facts import metrics, validity
from lab.load import checks, preparation, spec
from lab.load.cpu import cpu_use
from lab.load.generator import Load
from lab.load.provenance import made
from lab.load.spec import LoadSpec
from lab.parts.controller import Controller, State
from lab.records import Request
from lab.settings import Settings

STEADY_WAIT_S = 60.0


@dataclass(frozen=True)
class Figure:
    """One row of the table. `values` are the trials; `result` is what is held against `to_reach`."""

    what: str
    to_reach: str
    unit: str
    result: float
    reached: bool
    values: tuple[float, ...]
    note: str = ""


Figures = list[Figure]


def below(what: str, bound: float, unit: str, values: Sequence[float], of: str = "median") -> Figure:
    """Make a figure of which the median, maximum or sum has to be below (0: at) a bound."""
    result = {"median": statistics.median(values), "maximum": max(values), "sum": sum(values)}[of]
    reached = result <= bound if bound == 0 else result < bound
    words = f"{bound:g}" if of == "sum" else f"{of} under {bound:g} {unit}"
    return Figure(what, words, unit, round(float(result), 3), reached, tuple(round(v, 3) for v in values))


@dataclass(frozen=True)
class Bench:
    """What a measurement works with: the settings, a folder for its records, a voice."""

    settings: Settings
    folder: Path
    trials: int
    say: Callable[[str], None]
    loads: list[Path] = field(default_factory=list)
    """The folders of the loads that were sent, each judged in the end."""

    @contextmanager
    def constant_load(self, name: str, rate_per_s: float, duration_s: float) -> Iterator[Load]:
        """Send evenly spaced requests at a rate, for the block or `duration_s`, whichever is shorter."""
        asked = spec.constant(spec.from_settings(self.settings), rate_per_s, duration_s)
        with self.load(name, replace(asked, arrivals="even")) as load:
            yield load

    def load(self, name: str, asked: LoadSpec) -> Load:
        """Return a load that keeps its records in a folder of its own."""
        folder = records.new_folder(self.folder, datetime.now(UTC), name)
        self.loads.append(folder)
        with Controller(self.settings.controller_url) as controller:
            servers = checks.servers(self.settings, controller.state())
        preparation.prepare(self.settings, servers, asked.seed).save(folder)
        return Load(folder, asked)

    def steady(self) -> State:
        """Wait until the system is steady; raise NotSteadyError if it does not become so.

        Without a word: with a wait before each trial, what is waited for would drown the trials' lines.
        """
        return checks.steady_state(replace(self.settings, steady_wait_s=STEADY_WAIT_S), lambda _: None)


def collect(load: Load, rows: list[Request]) -> None:
    """Add the requests that ended since the last call."""
    rows.extend(load.new_requests())


def goodput_per_s(rows: Sequence[Request], start_s: float, end_s: float) -> float:
    """Return predictions in time per second, of the requests due between two times (epoch s)."""
    good = sum(row.failure == records.NONE and start_s <= row.scheduled_s < end_s for row in rows)
    return good / (end_s - start_s)


def doubts_about(folder: Path, idle_min_percent: float) -> tuple[str, ...]:
    """Say what makes the records of a load invalid: its generator fell behind, or the CPU was used up."""
    generator, said = validity.generator_of(folder)
    rows = metrics.Records(folder, spec.read(folder), started_s=said.get("started_s", 0.0))
    cpu = cpu_use(folder / records.CPU)
    return validity.invalid_because(rows.rows(), rows.lag(None), generator, cpu, idle_min_percent)


def doubted(figure: Figure, doubts: Sequence[str]) -> Figure:
    """Return the figure as not reached if its load was not valid, with the reasons."""
    if not doubts:
        return figure
    return replace(figure, reached=False, note="; ".join(dict.fromkeys([figure.note, *doubts])).strip("; "))


class Measurement(Protocol):
    """What a module of this package offers."""

    HELP: str

    def measure(self, bench: Bench) -> Figures:
        """Run the measurement."""


def names() -> tuple[str, ...]:
    """List the measurements."""
    return tuple(sorted(module.name for module in pkgutil.iter_modules(measurements.__path__)))


def run(name: str, bench: Bench) -> Figures:
    """Run a measurement by name and save its figures; raise LabError with the valid names."""
    if name not in names():
        raise LabError(f"no measurement {name!r}; expected one of: {', '.join(names())}")
    bench = replace(bench, loads=[])
    bench.say(f"{name}: waiting until the system is steady")
    state = bench.steady()
    if not bench.settings.topology:
        bench = replace(bench, settings=replace(bench.settings, topology=state.topology))
    figures = cast("Measurement", importlib.import_module(f"{measurements.__name__}.{name}")).measure(bench)
    doubts = [one for folder in bench.loads for one in doubts_about(folder, bench.settings.idle_min_percent)]
    figures = [doubted(figure, doubts) for figure in figures]
    save(bench.settings, bench.folder, f"{name}-{bench.settings.topology}", figures)
    return figures


def save(settings: Settings, folder: Path, name: str, figures: Figures) -> None:
    """Write figures to NAME.json."""
    content = {"made": made(settings, "make bench"), "figures": [asdict(figure) for figure in figures]}
    records.write_json(folder / f"{name}.json", content)


def load_all(folder: Path) -> Figures:
    """Read the figures of a benchmark folder, in the order in which they were measured."""
    found: Figures = []
    for path in sorted(folder.glob("*.json"), key=lambda one: one.stat().st_mtime_ns):
        content: dict[str, Any] = records.read_json(path)
        found += [Figure(**{**one, "values": tuple(one["values"])}) for one in content.get("figures", [])]
    return found
