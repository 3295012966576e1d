"""`lab experiments`: runs every scenario on the topology that runs, and prints what each of them says of it.

Exit status as of `lab experiment`, over all scenarios that are applicable to the topology.
"""

import argparse
from dataclasses import asdict, dataclass
from datetime import UTC, datetime

from rich.console import Console
from rich.table import Table
from rich.text import Text

from lab import records
from lab.errors import LabError
from lab.experiment import known, parse, scenario
from lab.experiment.runner import Trial
from lab.facts import judge
from lab.load.provenance import made
from lab.parts.controller import Controller
from lab.report import page, terminal
from lab.settings import Settings

HELP = "run every scenario on the topology that runs; a table of verdicts"
FILE = "experiments.json"
SHOWN = {
    "exposed": "at stake",
    "saved_by_retry": "saved",
    "lost": "lost",
    "shed": "shed",
    "late": "late",
    "wrong_answer": "wrong",
    "unknown": "unknown",
    "out_of_service_ms": "out of service",
    "in_rotation_ms": "in rotation",
}
"""Measure -> heading; times in ms."""
COLOURS = {
    judge.MET: "green",
    judge.NOT_MET: "bold red",
    judge.INVALID: "yellow",
    judge.COULD_NOT_RUN: "yellow",
}


@dataclass(frozen=True)
class Row:
    """What one scenario says. `folder` is empty if it did not begin."""

    scenario: str
    verdict: str
    because: tuple[str, ...]
    measures: dict[str, float | str]
    folder: str = ""


def add_arguments(_parser: argparse.ArgumentParser) -> None:
    """Take no arguments: the settings say what to do."""


def run(_args: argparse.Namespace, settings: Settings) -> int:
    """Run them one after the other; one that cannot run does not keep the others from it."""
    console = terminal.console()
    # All files are read first: a bad one is no reason to stop half-way.
    found = {
        name: parse.read(path, known.check) for name, path in scenario.files(settings.scenarios_dir).items()
    }
    with Controller(settings.controller_url) as controller:
        topology = controller.state().topology
    rows: list[Row] = []
    try:
        for number, (name, one) in enumerate(sorted(found.items()), 1):
            console.print(f"{number}/{len(found)} {name}: {one.description}", markup=False, soft_wrap=True)
            rows.append(_one(console, one, settings))
            said = "; ".join(rows[-1].because)
            console.print(f"    {rows[-1].verdict}: {said}", markup=False, soft_wrap=True)
    finally:
        _save(console, settings, topology, rows)
    return judge.STATUS[judge.overall([row.verdict for row in rows if row.verdict != judge.NOT_APPLICABLE])]


def _save(console: Console, settings: Settings, topology: str, rows: list[Row]) -> None:
    """Write and show what there is, after Ctrl-C too."""
    folder = records.new_folder(settings.results_dir, datetime.now(UTC), f"{topology}-experiments")
    command = f"make up TOPOLOGY={topology}; make experiments SEED={settings.seed}"
    content = {
        "made": made(settings, command),
        "topology": topology,
        "experiments": [asdict(row) for row in rows],
    }
    records.write_json(folder / FILE, content)
    console.print()
    console.print(terminal.Trimmed(table(rows)))
    console.print(f"\nrecords: results/{folder.name}/", markup=False, soft_wrap=True)


def _one(console: Console, found: scenario.Scenario, settings: Settings) -> Row:
    try:
        with terminal.Progress(console) as progress:
            outcome = Trial(found, settings, settings.seed, 1, progress.show, finish=page.try_write).run()
    except LabError as error:
        return Row(found.name, judge.COULD_NOT_RUN, (error.what,), {})
    said = outcome.verdict
    return Row(found.name, said.verdict, said.because, dict(said.measures), outcome.folder.name)


def table(rows: list[Row]) -> Table:
    """Draw a line per scenario."""
    made = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for heading in ("scenario", "verdict"):
        made.add_column(heading, no_wrap=True)
    for heading in SHOWN.values():
        made.add_column(heading, justify="right")
    for row in rows:
        values = (row.measures.get(name, "") for name in SHOWN)
        shown = ("-" if isinstance(value, str) else f"{value:.0f}" for value in values)
        made.add_row(row.scenario, Text(row.verdict, style=COLOURS.get(row.verdict, "dim")), *shown)
    return made
