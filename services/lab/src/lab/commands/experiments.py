"""`lab experiments`: runs every scenario on the topology that runs; a table of verdicts.

Exit status as of `lab experiment`, over all scenarios that are applicable to the topology.
"""

import argparse
from collections.abc import Mapping

from rich.table import Table
from rich.text import Text

from lab.experiment import parse, runner, scenario
from lab.facts import judge
from lab.facts.trials import Result
from lab.load.provenance import made
from lab.parts.controller import Controller
from lab.records.folder import new_folder, write_json
from lab.report import page, terminal
from lab.settings import Settings

HELP = "run every scenario on the topology that runs; a table of verdicts"
FILE = "experiments.json"
SAVED = ("verdict", "because", "measures", "folder")
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


def run(_args: argparse.Namespace, settings: Settings) -> int:
    """Run them one after the other; one that cannot run does not keep the others from it."""
    # All files are read first: a bad one is no reason to stop half-way.
    scenarios = {name: parse.read(path) for name, path in scenario.files(settings.scenarios_dir).items()}
    with Controller(settings.controller_url) as controller:
        topology = controller.state().topology
    results: dict[str, Result] = {}
    try:
        for number, (name, each) in enumerate(sorted(scenarios.items()), 1):
            terminal.show(f"{number}/{len(scenarios)} {name}: {each.description}")
            with terminal.Progress(terminal.console()) as progress:
                results[name] = runner.attempt(each, settings, 1, progress.show, page.try_write)
            terminal.show(f"    {results[name].verdict}: {'; '.join(results[name].because)}")
    finally:
        _save(settings, topology, results)
    verdicts = [result.verdict for result in results.values() if result.verdict != judge.NOT_APPLICABLE]
    return judge.STATUS[judge.overall(verdicts)]


def _save(settings: Settings, topology: str, results: Mapping[str, Result]) -> None:
    """Write and show what there is, after Ctrl-C too."""
    folder = new_folder(settings.results_dir, f"{topology}-experiments")
    command = f"make up TOPOLOGY={topology}; make experiments SEED={settings.seed}"
    rows = [{"scenario": name} | {key: getattr(each, key) for key in SAVED} for name, each in results.items()]
    content = {"made": made(settings, command), "topology": topology, "experiments": rows}
    write_json(folder / FILE, content)
    terminal.show("", table(results), f"\nrecords: results/{folder.name}/")


def table(results: Mapping[str, Result]) -> Table:
    """Draw a line per scenario."""
    drawn = terminal.table(("scenario", "verdict"), tuple(SHOWN.values()))
    for name, each in results.items():
        values = (each.measures.get(measure, "") for measure in SHOWN)
        shown = ("-" if isinstance(value, str) else f"{value:.0f}" for value in values)
        drawn.add_row(name, Text(each.verdict, style=COLOURS.get(each.verdict, "dim")), *shown)
    return drawn
