"""`lab scenarios`: lists the scenarios, the lab's and the user's own, with a line each."""

import argparse

from lab.errors import ScenarioError
from lab.experiment import parse, scenario
from lab.report import terminal
from lab.settings import Settings

HELP = "list the scenarios: name, what happens, whose"


def run(_args: argparse.Namespace, settings: Settings) -> int:
    """Print a line for each scenario; what is wrong with a bad file follows.

    Status 1 if there is one.
    """
    table = terminal.table(("scenario",), texts=("what happens", "file"))
    problems = []
    for name, path in sorted(scenario.files(settings.scenarios_dir).items()):
        try:
            text = parse.read(path).description
        except ScenarioError as error:
            problems.append(error.message())
            text = "BAD FILE: see below"
        table.add_row(name, text, "" if path.parent == scenario.OWN else scenario.shown(path))
    terminal.show(table, *problems, "\nRun one: make experiment SCENARIO=kill-active")
    return 1 if problems else 0
