"""`lab scenarios`: lists the scenarios, the lab's and the user's own, with a line each."""

import argparse

from rich.table import Table
from rich.text import Text

from lab.errors import ScenarioError
from lab.experiment import parse, scenario
from lab.report import terminal
from lab.settings import Settings

HELP = "list the scenarios: name, what happens, whose"


def add_arguments(_parser: argparse.ArgumentParser) -> None:
    """Take no arguments."""


def run(_args: argparse.Namespace, settings: Settings) -> int:
    """Print a line for each scenario; what is wrong with a bad file follows. Status 1 if there is one."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for heading in ("scenario", "what happens", "file"):
        table.add_column(heading, no_wrap=heading == "scenario", overflow="fold")
    problems = []
    for name, path in sorted(scenario.files(settings.scenarios_dir).items()):
        try:
            text = parse.read(path).description
        except ScenarioError as error:
            problems.append(error.message())
            text = "BAD FILE: see below"
        table.add_row(
            Text(name), Text(text), Text("" if path.parent == scenario.OWN else scenario.shown(path))
        )
    console = terminal.console()
    console.print(terminal.Trimmed(table))
    for problem in problems:
        console.print(problem, markup=False, soft_wrap=True)
    console.print("\nRun one: make experiment SCENARIO=kill-active", markup=False, soft_wrap=True)
    return 1 if problems else 0
