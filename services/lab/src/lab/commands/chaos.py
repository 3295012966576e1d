"""`lab chaos`: an experiment with one fault, told millisecond by millisecond instead of judged.

Exit status: 0 the system was steady again in time; 1 it was not; 2 the fault could not be done.
"""

from __future__ import annotations

import argparse
from dataclasses import replace

from lab.experiment import one_fault
from lab.experiment.runner import Trial
from lab.experiment.schedule import Plan
from lab.facts import judge
from lab.load import preparation
from lab.records.folder import VERDICT, read_json
from lab.report import page, story_text, terminal
from lab.settings import Settings

HELP = "do a fault to a server, show what happened (TARGET, ROLE, COUNT, FAULT, HANG_S, LOAD, CHAOS_RATE)"
NOT_DONE = (judge.COULD_NOT_RUN, judge.NOT_APPLICABLE)


def run(_args: argparse.Namespace, settings: Settings) -> int:
    """Do the fault and show what happened; the status says whether the system recovered."""
    console = terminal.console()
    state = preparation.steady_state(replace(settings, steady_wait_s=0), terminal.show)
    scenario = one_fault.scenario(state, settings)

    def announce(plan: Plan) -> None:
        roles = ", ".join(f"{name} ({plan.roles[name]})" for each in plan.strokes for name in each.targets)
        load = f"load: {plan.rate:.0f} requests/s" if plan.loaded else "no load of its own"
        terminal.show(f"{plan.topology}: {settings.fault} {roles}; {load}", on=console)

    with terminal.Progress(console) as progress:
        show = progress.show
        outcome = Trial(scenario, settings, 1, show, finish=page.try_write, planned=announce).run()
    console.print(story_text.page(outcome.folder), soft_wrap=True)
    if outcome.verdict.verdict in NOT_DONE:
        return judge.STATUS[outcome.verdict.verdict]
    return 0 if read_json(outcome.folder / VERDICT)["recovered_s"] is not None else 1
