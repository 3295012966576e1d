"""`lab loadtest`: loads the running topology until requests fail, and says at which rate they did.

TRIALS=n does it n times, each with the next SEED, and says what the runs say together.

Exit status: 0; 2 it could not run; 3 the numbers are not valid (of several runs: of more than half
of them); 130 interrupted.
"""

import argparse
import dataclasses
from dataclasses import replace
from pathlib import Path

from rich.table import Table

from lab.errors import LabError
from lab.experiment import loadtest
from lab.experiment.loadtest import Outcome
from lab.facts import first_failures
from lab.facts.first_failures import Rates
from lab.load.provenance import made
from lab.records.folder import new_folder, write_json
from lab.report import loadtest_text, terminal
from lab.settings import LOADTEST, SETTINGS, Settings

HELP = "load the running topology until requests fail; save every request; say at which rate they failed"
INVALID, INTERRUPTED = 3, 130
TOGETHER = "loadtests.json"
STEADY_WAIT_S = 120.0
"""Before each further run: a standby that helped takes its time until it is parked again."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options; what the load is like comes from the environment."""
    parser.add_argument("--help-variables", action="store_true", help="list the variables and end")
    parser.add_argument("--name-file", type=Path, help="write the result folder's path into this file")


def run(args: argparse.Namespace, settings: Settings) -> int:
    """Run the tests; the status says whether their numbers are valid."""
    if args.help_variables:
        terminal.show(variables())
        return 0
    done: list[Outcome] = []
    failed: list[str] = []
    for number in range(1, settings.trials + 1):
        try:
            done.append(_one(settings, number))
        except LabError as error:
            if not done:
                raise  # what keeps the first from running would keep the others
            print(f"run {number} could not run: {error.message()}")
            failed.append(f"run {number} could not run: {error.what}")
            continue
        if args.name_file:
            args.name_file.write_text(f"{done[-1].folder}\n", encoding="utf-8")
        if done[-1].interrupted:
            break
    rates = first_failures.of_runs([each.summary for each in done], planned=settings.trials, failed=failed)
    if settings.trials > 1:
        _together(settings, done, rates)
    if done[-1].interrupted:
        return INTERRUPTED
    return 0 if 2 * rates.n >= rates.planned else INVALID


def _one(settings: Settings, number: int) -> Outcome:
    """Run one test and show its summary."""
    alone, seed = settings.trials == 1, settings.seed + number - 1
    if not alone:
        print(f"\nrun {number} of {settings.trials}, SEED={seed}", flush=True)
    wait_s = settings.steady_wait_s if number == 1 else max(settings.steady_wait_s, STEADY_WAIT_S)
    given = replace(settings, seed=seed, steady_wait_s=wait_s)
    result = loadtest.run(given, lambda line: print(line, flush=True))
    text = loadtest_text.text(result.summary, alone=alone)
    terminal.show("", text, f"\nrecords: results/{result.folder.name}/")
    return result


def _together(settings: Settings, done: list[Outcome], rates: Rates) -> None:
    """Save and show what the runs say together."""
    topology = done[0].summary.topology
    folder = new_folder(settings.results_dir, f"{topology}-loadtests")
    content = {
        "made": made(settings, f"make loadtest TRIALS={settings.trials}"),
        "topology": topology,
        "folders": [each.folder.name for each in done],
        "rates": dataclasses.asdict(rates),
    }
    write_json(folder / TOGETHER, content)
    terminal.show("", loadtest_text.several(rates), f"\nrecords: results/{folder.name}/")


def variables() -> Table:
    """Return the table of the load test's variables."""
    table = terminal.table(("variable", "default", "unit"), texts=("meaning",))
    for setting in SETTINGS:
        if setting.group == LOADTEST or setting.env == "TRIALS":
            table.add_row(setting.env, setting.default, setting.unit, setting.help)
    table.caption_justify = "left"
    table.caption = "as in: make loadtest RATE=20 RAMP=10 RATE_MAX=800 TRIALS=5"
    return table
