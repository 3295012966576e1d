"""`lab experiment`: runs SCENARIO on the topology that runs, TRIALS times, and judges it.

Exit status: 0 everything expected held; 1 not; 2 it could not run, or the topology lacks what it needs;
3 the measurement is not valid; 130 interrupted (the faults are undone).
"""

from __future__ import annotations

import argparse
from datetime import UTC, datetime

from rich.console import Console

from lab import records
from lab.errors import LabError
from lab.experiment import parse, scenario
from lab.experiment.runner import Outcome, Trial
from lab.experiment.scenario import Scenario
from lab.facts import judge, trials
from lab.facts.trials import Result
from lab.report import page, short, terminal, trials_text
from lab.settings import Settings

HELP = "run a scenario on the topology that runs, watch it, judge it (SCENARIO, TRIALS, SEED)"
TRIALS_FILE, REPORT = "trials.json", "report.html"
HOPELESS = 3
"""A series ends once so many trials in a row could not begin; the rest is reported as not run."""


def add_arguments(_parser: argparse.ArgumentParser) -> None:
    """Take no arguments: the settings say what to do."""


def run(_args: argparse.Namespace, settings: Settings) -> int:
    """Run the trials; return the status that belongs to their verdict."""
    console = terminal.console()
    found = parse.read(scenario.find(settings.scenario, settings.scenarios_dir))
    console.print(f"{found.name}: {found.description}", markup=False, soft_wrap=True)
    results: list[Result] = []
    try:
        for number in range(1, settings.trials + 1):
            results.append(_result(console, found, settings, number))
            if results[-1].verdict == judge.NOT_APPLICABLE or _hopeless(results):
                break
    finally:
        if settings.trials > 1 and any(each.folder for each in results):
            _save(console, settings, results)
    return judge.STATUS[judge.of_trials([each.verdict for each in results])]


def _result(console: Console, found: Scenario, settings: Settings, number: int) -> Result:
    """Run one trial; that it could not run is a result too, unless it is the only trial."""
    try:
        outcome = _trial(console, found, settings, number)
    except LabError as error:
        if settings.trials == 1:
            raise
        console.print(f"trial {number} could not run: {error.message()}", markup=False, soft_wrap=True)
        return Result(judge.COULD_NOT_RUN, (error.what,))
    return trials.result(outcome.verdict, outcome.folder.name)


def _hopeless(results: list[Result]) -> bool:
    """Return whether the last trials could not even begin, so that the next would not either."""
    last = results[-HOPELESS:]
    return len(last) == HOPELESS and not any(each.folder for each in last)


def _trial(console: Console, found: Scenario, settings: Settings, number: int) -> Outcome:
    """Run one trial and show its report in short."""
    if settings.trials > 1:
        seed = settings.seed + number - 1
        console.print(f"\ntrial {number} of {settings.trials}, SEED={seed}", markup=False, soft_wrap=True)
    with terminal.Progress(console) as progress:
        outcome = Trial(found, settings, number, progress.show, finish=page.try_write).run()
    console.print(terminal.Trimmed(short.terminal(outcome.folder)))
    console.print(f"\nreport: results/{outcome.folder.name}/{REPORT}", markup=False, soft_wrap=True)
    return outcome


def _save(console: Console, settings: Settings, results: list[Result]) -> None:
    """Write what the trials say together, in a folder of its own, and show it."""
    content = trials.summary(results, settings.trials)
    stem = next(each.folder for each in results if each.folder).split("-", 1)[1]
    folder = records.new_folder(settings.results_dir, datetime.now(UTC), f"{stem}-trials")
    records.write_json(folder / TRIALS_FILE, content)
    console.print()
    console.print(terminal.Trimmed(trials_text.table(results, content)))
    console.print(f"\nrecords: results/{folder.name}/", markup=False, soft_wrap=True)
