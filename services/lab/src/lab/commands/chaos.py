"""`lab chaos`: strikes servers, says what happened, millisecond by millisecond, and saves the records."""

from __future__ import annotations

import argparse
from datetime import UTC, datetime

from rich.console import Console

from lab import records
from lab.errors import UnreachableError
from lab.experiment import chaos, chaos_plan
from lab.load import checks, preparation
from lab.parts.controller import Controller
from lab.report import chaos_report, terminal
from lab.settings import Settings

HELP = "do a fault to a server, say what happened (TARGET, ROLE, COUNT, FAULT, HANG_S, LOAD, CHAOS_RATE)"


def add_arguments(_parser: argparse.ArgumentParser) -> None:
    """Take no arguments: the settings say what to do."""


def run(_args: argparse.Namespace, settings: Settings) -> int:
    """Strike and report; status 1 if the system was not steady again in time."""
    console = terminal.console()
    with Controller(settings.controller_url) as controller:
        state = controller.state()
        plan = chaos_plan.plan(state, settings)
    prepared = preparation.prepare(settings, state, settings.seed) if plan.rate_per_s else None
    if prepared:
        checks.check_target(settings.target_url, prepared.bodies[0])
    folder = records.new_folder(settings.results_dir, datetime.now(UTC), f"{plan.topology}-chaos")
    roles = ", ".join(f"{name} ({plan.roles[name]})" for name in plan.targets)
    load = f"load: {plan.rate_per_s:.0f} requests/s" if plan.rate_per_s else "no load of its own"
    console.print(f"{plan.topology}: {plan.fault} {roles}; {load}", markup=False, soft_wrap=True)
    try:
        with terminal.Progress(console) as progress:
            gathered = chaos.Run(plan, settings, folder, progress.show, prepared).execute()
    except KeyboardInterrupt:
        _interrupted(console, settings)
        raise
    report = chaos_report.make(plan, gathered)
    chaos_report.save(folder, plan, gathered, report, settings)
    chaos_report.show(console, plan, report, folder)
    return 0 if gathered.steady_at is not None else 1


def _interrupted(console: Console, settings: Settings) -> None:
    """Say what the interruption leaves behind."""
    try:
        down = list(chaos.still_down(settings))
    except UnreachableError as error:
        console.print(error.message(), markup=False, soft_wrap=True)
        return
    if down:
        text = (
            f"Interrupted. Still down: {', '.join(down)}. The controller brings it back; make watch shows it."
        )
    else:
        text = "Interrupted. Every server is up."
    console.print(text, markup=False, soft_wrap=True)
