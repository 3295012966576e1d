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
from lab.experiment import known, parse, scenario
from lab.experiment.runner import Outcome, Trial
from lab.experiment.scenario import Scenario
from lab.facts import judge
from lab.report import page, short, terminal, trials_text
from lab.settings import Settings

HELP = "run a scenario on the topology that runs, watch it, judge it (SCENARIO, TRIALS, SEED)"
TRIALS_FILE, REPORT = "trials.json", "report.html"


def add_arguments(_parser: argparse.ArgumentParser) -> None:
    """Take no arguments: the settings say what to do."""


def run(_args: argparse.Namespace, settings: Settings) -> int:
    """Run the trials; return the status that belongs to their verdict."""
    console = terminal.console()
    found = parse.read(scenario.find(settings.scenario, settings.scenarios_dir), known.check)
    console.print(f"{found.name}: {found.description}", markup=False, soft_wrap=True)
    outcomes: list[Outcome] = []
    verdicts: list[str] = []
    try:
        for number in range(1, settings.trials + 1):
            outcomes.append(_trial(console, found, settings, number))
            verdicts.append(outcomes[-1].verdict.verdict)
            if verdicts[-1] == judge.NOT_APPLICABLE:
                break  # it will not be in the next trial either
    except LabError as error:
        if not outcomes:
            raise
        console.print(f"the next trial could not run: {error.message()}", markup=False, soft_wrap=True)
        verdicts.append(judge.COULD_NOT_RUN)
    finally:
        if outcomes and settings.trials > 1:
            _save(console, settings, outcomes)
    return judge.STATUS[judge.overall(verdicts)]


def _trial(console: Console, found: Scenario, settings: Settings, number: int) -> Outcome:
    """Run one trial and show its report in short."""
    seed = settings.seed + number - 1
    if settings.trials > 1:
        console.print(f"\ntrial {number} of {settings.trials}, SEED={seed}", markup=False, soft_wrap=True)
    with terminal.Progress(console) as progress:
        outcome = Trial(found, settings, seed, number, progress.show, finish=page.try_write).run()
    console.print(terminal.Trimmed(short.terminal(outcome.folder)))
    console.print(f"\nreport: results/{outcome.folder.name}/{REPORT}", markup=False, soft_wrap=True)
    return outcome


def _save(console: Console, settings: Settings, outcomes: list[Outcome]) -> None:
    """Write what the trials say together, in a folder of its own, and show it."""
    content = trials_text.summary(outcomes)
    stem = outcomes[0].folder.name.split("-", 1)[1]
    folder = records.new_folder(settings.results_dir, datetime.now(UTC), f"{stem}-trials")
    records.write_json(folder / TRIALS_FILE, content)
    console.print()
    console.print(terminal.Trimmed(trials_text.table(outcomes, content)))
    console.print(f"\nrecords: results/{folder.name}/", markup=False, soft_wrap=True)
