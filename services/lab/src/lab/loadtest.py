"""A load test from start to end: checks the system, runs the load, tells the progress, saves, summarises."""

import dataclasses
import importlib.metadata
import platform
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx

from lab import candidates, machine, pacing, records, running, summary
from lab.controller_client import Controller, State
from lab.errors import GeneratorError, NotSteadyError, UnreachableError
from lab.load import Load
from lab.progress import Progress
from lab.running import NOT_ASKED, Running
from lab.settings import Settings

PROGRESS_S = 2.0
CPU_S = 1.0
LOOK_S = 0.1
POLL_S = 0.5
ANSWER_S = 5.0

Say = Callable[[str], None]


@dataclass(frozen=True)
class Outcome:
    """What a load test left behind."""

    folder: Path
    summary: summary.Summary
    interrupted: bool


def check_target(url: str) -> str:
    """Make sure that predictions are answered before anything is measured; return the model's version."""
    (body,) = candidates.bodies(1, seed=0)
    headers = {"Content-Type": "application/json"}
    remedy = "make up; if it is up already: make ps, make logs SERVICE=haproxy"
    try:
        reply = httpx.post(f"{url}/predict", content=body, headers=headers, timeout=ANSWER_S, trust_env=False)
    except httpx.HTTPError as error:
        raise UnreachableError(
            f"{url} does not answer: {error or type(error).__name__}",
            cause="the lab is not running",
            remedy=remedy,
        ) from error
    if not reply.is_success:
        raise UnreachableError(
            f"{url}/predict answers with status {reply.status_code}: {reply.text[:200]}",
            cause="no server is ready, or other load is running",
            remedy=remedy,
        )
    return str(reply.headers.get("X-Model-Version", ""))


def steady_state(settings: Settings, say: Say) -> State:
    """Return the controller's state once it is steady; raise NotSteadyError if it does not become so."""
    until = time.monotonic() + settings.steady_wait_s
    said = ""
    with Controller(settings.controller_url) as controller:
        while True:
            state = controller.state()
            if state.steady:
                return state
            if time.monotonic() >= until:
                raise NotSteadyError(
                    f"the system is not steady: {state.steady_reason}",
                    cause="a server is down or on its way back, or a standby still helps after other load",
                    remedy="wait until `make stats` shows each server in its place, then start again",
                )
            if state.steady_reason != said:
                said = state.steady_reason
                say(f"waiting until the system is steady: {said}")
            time.sleep(POLL_S)


def versions(settings: Settings, found: Running) -> dict[str, str]:
    """Return the versions that a result depends on: the lab's tool, and the system that runs."""
    packages = {name: importlib.metadata.version(name) for name in ("locust", "duckdb")}
    return {"lab": settings.version, "python": platform.python_version(), **packages, **found.versions()}


def saved_settings(
    settings: Settings, state: State, started_s: float, found: Running = NOT_ASKED
) -> dict[str, Any]:
    """Return the content of settings.json as it is at the start."""
    values = {key: str(value) if isinstance(value, Path) else value for key, value in vars(settings).items()}
    return {
        "topology": state.topology,
        "cost_factor": state.cost_factor,
        "started_s": started_s,
        "ended_s": None,
        "settings": values,
        "variables": settings.environment(),
        "versions": versions(settings, found),
        "machine": machine.look(),
        "containers": found.containers,
        "state_start": dataclasses.asdict(state),
        "state_end": None,
    }


def run(settings: Settings, say: Say) -> Outcome:
    """Run a load test; raise a LabError before the load starts if it cannot be run."""
    model = check_target(settings.target_url)
    state = steady_state(settings, say)
    found = running.look(settings, state, model)
    now = datetime.now(UTC)
    folder = records.new_folder(settings.results_dir, now, state.topology)
    saved = saved_settings(settings, state, now.timestamp(), found)
    records.write_json(folder / records.SETTINGS_FILE, saved)
    say(f"{state.topology}, cost factor {state.cost_factor:g}: {plan(settings)}")
    interrupted = run_load(folder, settings, say)
    saved["ended_s"] = time.time()
    saved["state_end"] = state_end(settings)
    records.write_json(folder / records.SETTINGS_FILE, saved)
    made = summary.summarise(folder)
    if not made.sent_requests and not interrupted:
        raise GeneratorError("the load generator sent nothing", remedy=f"see the log in {folder}")
    summary.save(folder, made)
    return Outcome(folder, made, interrupted)


def run_load(folder: Path, settings: Settings, say: Say) -> bool:
    """Run the generator to its end, telling the progress; return True if it was interrupted."""
    segments = pacing.pattern(settings)
    progress = Progress()
    say(progress.heading())
    with Load(folder, settings) as load:
        try:
            _follow(load, progress, segments, say)
        except KeyboardInterrupt:
            say("interrupted: ending the load, keeping what was recorded")
            load.stop()
            return True
    return False


def plan(settings: Settings) -> str:
    """Say in one line what load will be sent."""
    stop = (
        f"until {settings.beyond_s:g} s after the first failure" if settings.beyond_s >= 0 else "to the end"
    )
    until = f"{stop}, at most {settings.duration_s:g} s"
    if settings.pattern == "users":
        return f"{settings.users} closed users, {settings.ramp_per_s:g} more each second, {until}"
    rate, top = f"{settings.rate:g}/s", f"{settings.rate_max:g}/s"
    rates = {
        "ramp": f"from {rate} by {settings.ramp_per_s:g}/s each second up to {top}",
        "constant": f"at {rate}",
        "steps": f"from {rate} in steps of {settings.step_s:g} s up to {top}",
        "spike": f"at {rate}, {top} for {settings.spike_s:g} s in the middle",
    }
    return f"{settings.arrivals} arrivals {rates[settings.pattern]}, {until}"


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


def state_end(settings: Settings) -> dict[str, Any] | str:
    """Return the state after the load; the result of a run is worth keeping without it, too."""
    try:
        with Controller(settings.controller_url) as controller:
            return dataclasses.asdict(controller.state())
    except UnreachableError as error:
        return error.what
