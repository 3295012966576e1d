"""`lab experiment`: runs SCENARIO on the topology that runs, TRIALS times, and judges it.

Exit status: 0 everything expected held; 1 not; 2 it could not run, or the topology lacks what it
needs; 3 the measurement is not valid; 130 interrupted (the faults are undone).
"""

from __future__ import annotations

import argparse

from lab.errors import LabError
from lab.experiment import parse, scenario
from lab.experiment.runner import Trial
from lab.experiment.scenario import Scenario
from lab.facts import judge, trials
from lab.facts.trials import Result
from lab.records.folder import new_folder, write_json
from lab.report import page, short, terminal, trials_text
from lab.settings import Settings

HELP = "run a scenario on the topology that runs, watch it, judge it (SCENARIO, TRIALS, SEED)"
TRIALS_FILE, REPORT = "trials.json", "report.html"
HOPELESS = 3
"""A series ends once so many trials in a row could not begin; the rest is reported as not run."""


def run(_args: argparse.Namespace, settings: Settings) -> int:
    """Run the trials; return the status that belongs to their verdict."""
    chosen = parse.read(scenario.find(settings.scenario, settings.scenarios_dir))
    terminal.show(f"{chosen.name}: {chosen.description}")
    results: list[Result] = []
    try:
        for number in range(1, settings.trials + 1):
            results.append(_trial(chosen, settings, number))
            if results[-1].verdict == judge.NOT_APPLICABLE or _hopeless(results):
                break
    finally:
        if settings.trials > 1 and any(each.folder for each in results):
            _save(settings, results)
    return judge.STATUS[judge.of_trials([each.verdict for each in results])]


def _trial(found: Scenario, settings: Settings, number: int) -> Result:
    """Run one trial and show its report in short.

    In a series, a trial that could not run is a result too.
    """
    if settings.trials > 1:
        terminal.show(f"\ntrial {number} of {settings.trials}, SEED={settings.seed + number - 1}")
    try:
        with terminal.Progress(terminal.console()) as progress:
            outcome = Trial(found, settings, number, progress.show, finish=page.try_write).run()
    except LabError as error:
        if settings.trials == 1:
            raise
        terminal.show(f"trial {number} could not run: {error.message()}")
        return Result(judge.COULD_NOT_RUN, (error.what,))
    name = outcome.folder.name
    terminal.show(short.terminal(outcome.folder), f"\nreport: results/{name}/{REPORT}")
    return trials.result(outcome.verdict, name)


def _hopeless(results: list[Result]) -> bool:
    """Return whether the last trials could not even begin, so that the next would not either."""
    last = results[-HOPELESS:]
    return len(last) == HOPELESS and not any(each.folder for each in last)


def _save(settings: Settings, results: list[Result]) -> None:
    """Write what the trials say together, in a folder of its own, and show it."""
    content = trials.summary(results, settings.trials)
    stem = next(each.folder for each in results if each.folder).split("-", 1)[1]
    folder = new_folder(settings.results_dir, f"{stem}-trials")
    write_json(folder / TRIALS_FILE, content)
    terminal.show("", trials_text.table(results, content), f"\nrecords: results/{folder.name}/")
