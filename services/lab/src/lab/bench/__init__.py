"""What the lab promises, measured on the topology that is running.

A measurement is a scenario of figures.SCENARIOS, or a module of lab.bench.measurements, without a
list:

    measure(bench) -> Figures   runs it

and what it measures is written to NAME.json in the folder of the benchmark, with every single
value, so that the table can be drawn again from there.
"""

import importlib
import pkgutil
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from lab.bench import measurements
from lab.bench.figures import SCENARIOS, Figure, Figures, Series
from lab.errors import LabError
from lab.experiment import parse, runner, scenario
from lab.facts import metrics, validity
from lab.facts.trials import Result
from lab.load import preparation, spec
from lab.load.cpu import cpu_use
from lab.load.generator import Load
from lab.load.provenance import made
from lab.load.spec import LoadSpec
from lab.parts.controller import Controller, State
from lab.records.folder import CPU, new_folder, read_json, write_json
from lab.settings import Settings

STEADY_WAIT_S = 60.0
TRIALS_MAX = 10
"""Of each scenario but kill_active."""


@dataclass(frozen=True)
class Bench:
    """What a measurement works with: the settings, a folder for its records, a voice."""

    settings: Settings
    folder: Path
    trials: int
    say: Callable[[str], None]
    loads: list[Path] = field(default_factory=list)
    """The folders of the loads that were sent, each judged in the end."""

    def load(self, name: str, asked: LoadSpec) -> Load:
        """Return a load that keeps its records in a folder of its own."""
        folder = new_folder(self.folder, name)
        self.loads.append(folder)
        with Controller(self.settings.controller_url) as controller:
            servers = preparation.servers(self.settings, controller.state())
        preparation.prepare(self.settings, servers, asked.seed).save(folder)
        return Load(folder, asked)

    def steady(self) -> State:
        """Wait until the system is steady; raise NotSteadyError if it does not become so.

        Without a word: with a wait before each trial, what is waited for would drown the trials'
        lines.
        """
        return preparation.steady_state(replace(self.settings, steady_wait_s=STEADY_WAIT_S), lambda _: None)

    def series(self, name: str) -> Series:
        """Run a scenario a number of times. None is repeated: no outcome chooses who counts."""
        chosen = parse.read(scenario.OWN / f"{name}.yaml")
        settings = replace(self.settings, results_dir=self.folder, scenario=name)
        count = self.trials if name == "kill-active" else min(self.trials, TRIALS_MAX)
        results: list[Result] = []
        for number in range(1, count + 1):
            results.append(runner.attempt(chosen, settings, number, lambda _: None))
            result = results[-1]
            self.say(f"{name} {number}/{count}: {result.verdict}; {'; '.join(result.because)}")
        return Series(name, settings.topology, tuple(results))


def doubts_about(folder: Path, idle_min_percent: float) -> tuple[str, ...]:
    """Return why the records of a load are invalid.

    The generator fell behind, say, or the CPU was used up.
    """
    generator, record = validity.generator_of(folder)
    rows = metrics.Records(folder, spec.read(folder), started_s=record.get("started_s", 0.0))
    cpu = cpu_use(folder / CPU)
    return validity.invalid_because(rows.rows(), rows.lag(None), generator, cpu, idle_min_percent)


def doubted(figure: Figure, doubts: Sequence[str]) -> Figure:
    """Return the figure as not reached if its load was not valid, with the reasons."""
    if not doubts:
        return figure
    return replace(figure, reached=False, note="; ".join(dict.fromkeys([figure.note, *doubts])).strip("; "))


def names() -> tuple[str, ...]:
    """List the measurements."""
    modules = [module.name for module in pkgutil.iter_modules(measurements.__path__)]
    return tuple(sorted([*SCENARIOS, *modules]))


def run(name: str, bench: Bench) -> Figures:
    """Run a measurement by name and save its figures; raise LabError with the valid names."""
    if name not in names():
        raise LabError(f"no measurement {name!r}; expected one of: {', '.join(names())}")
    bench = replace(bench, loads=[])
    bench.say(f"{name}: waiting until the system is steady")
    state = bench.steady()
    if not bench.settings.topology:
        bench = replace(bench, settings=replace(bench.settings, topology=state.topology))
    figures: Figures
    if name in SCENARIOS:
        done = bench.series(name.replace("_", "-"))
        figures = [done.figure(wanted) for wanted in SCENARIOS[name]]
    else:
        figures = importlib.import_module(f"{measurements.__name__}.{name}").measure(bench)
    doubts = [one for folder in bench.loads for one in doubts_about(folder, bench.settings.idle_min_percent)]
    figures = [doubted(figure, doubts) for figure in figures]
    save(bench.settings, bench.folder, f"{name}-{bench.settings.topology}", figures)
    return figures


def save(settings: Settings, folder: Path, name: str, figures: Figures) -> None:
    """Write figures to NAME.json."""
    content = {"made": made(settings, "make bench"), "figures": [asdict(figure) for figure in figures]}
    write_json(folder / f"{name}.json", content)


def load_all(folder: Path) -> Figures:
    """Read the figures of a benchmark folder, in the order in which they were measured."""
    figures: Figures = []
    for path in sorted(folder.glob("*.json"), key=lambda each: each.stat().st_mtime_ns):
        content: dict[str, Any] = read_json(path)
        figures += [Figure(**{**row, "values": tuple(row["values"])}) for row in content.get("figures", [])]
    return figures
