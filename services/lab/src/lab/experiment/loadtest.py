"""A load test from start to end.

Checks the system, runs the load, tells the progress, saves, summarises.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from lab.errors import GeneratorError
from lab.facts import service, summary
from lab.load import pacing, preparation, spec
from lab.load.generator import Load
from lab.load.progress import HEADING, Progress
from lab.load.provenance import Provenance
from lab.load.spec import LoadSpec
from lab.records.folder import new_folder
from lab.settings import Settings

PROGRESS_S = 2.0
CPU_S = 1.0
LOOK_S = 0.1

Say = Callable[[str], None]


@dataclass(frozen=True)
class Outcome:
    """What a load test left behind."""

    folder: Path
    summary: summary.Summary
    interrupted: bool


def run(settings: Settings, say: Say) -> Outcome:
    """Run a load test; raise a LabError before the load starts if it cannot be run."""
    state = preparation.steady_state(settings, say)
    asked = spec.from_settings(settings)
    servers = preparation.servers(settings, state)
    prepared = preparation.prepare(settings, servers, asked.seed)
    folder = new_folder(settings.results_dir, state.topology)
    prepared.save(folder)
    origin = Provenance(folder, settings, state, servers)
    say(f"{state.topology}, {service.described(origin.service)}: {plan(asked)}")
    interrupted = run_load(folder, asked, say)
    origin.complete()
    result = summary.summarise(folder)
    if not result.sent_requests and not interrupted:
        raise GeneratorError("the load generator sent nothing", remedy=f"see the log in {folder}")
    summary.save(folder, result)
    return Outcome(folder, result, interrupted)


def run_load(folder: Path, asked: LoadSpec, say: Say) -> bool:
    """Run the generator to its end, telling the progress; return True if it was interrupted."""
    segments = pacing.pattern(asked)
    progress = Progress()
    say(HEADING)
    with Load(folder, asked) as load:
        try:
            _follow(load, progress, segments, say)
        except KeyboardInterrupt:
            say("interrupted: ending the load, keeping what was recorded")
            load.stop()
            return True
    return False


def plan(asked: LoadSpec) -> str:
    """Return in one line what load will be sent."""
    stop = f"until {asked.beyond_s:g} s after the first failure" if asked.beyond_s >= 0 else "to the end"
    until = f"{stop}, at most {asked.duration_s:g} s"
    if asked.pattern == "users":
        return f"{asked.users} closed users, {asked.ramp_per_s:g} more each second, {until}"
    rate, top = f"{asked.rate_per_s:g}/s", f"{asked.rate_max_per_s:g}/s"
    rates = {
        "ramp": f"from {rate} by {asked.ramp_per_s:g}/s each second up to {top}",
        "constant": f"at {rate}",
        "steps": f"from {rate} in steps of {asked.step_s:g} s up to {top}",
        "spike": f"at {rate}, {top} for {asked.spike_s:g} s in the middle",
    }
    return f"{asked.arrivals} arrivals {rates[asked.pattern]}, {until}"


def _follow(load: Load, progress: Progress, segments: tuple[pacing.Segment, ...], say: Say) -> None:
    """Read the rows along and tell the progress until the generator ends."""
    told_s = sampled_s = time.monotonic()
    while alive := load.running():
        load.wait(LOOK_S)
        progress.add(load.new_requests())
        now_s = time.monotonic()
        if alive and now_s - sampled_s >= CPU_S and progress.started:
            load.sample_cpu()
            sampled_s = now_s
        if now_s - told_s >= PROGRESS_S and progress.started:
            planned = pacing.rate_at(segments, progress.elapsed_s) if segments else None
            say(progress.line(planned))
            told_s += PROGRESS_S
    progress.add(load.new_requests())
