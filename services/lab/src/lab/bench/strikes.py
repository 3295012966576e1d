"""Strikes under load, again and again: what the measurements of kills and hangs have in common."""

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from lab import bench, records, timeline
from lab.bench import Bench
from lab.controller_client import Controller, Entry
from lab.engine import Engine
from lab.errors import GeneratorError, LabError
from lab.faults import Context
from lab.load import Load
from lab.records import ERROR, REFUSED, Request

SHARE = 0.7
"""Of what the survivors carry: the actives that are left, and the standby that takes the place."""
BEFORE_S = 3.0
AFTER_S = 1.0
RECOVERY_S = 60.0
START_S, POLL_S = 30.0, 0.2
LOST = (ERROR, REFUSED)
"""A late reply is a reply; a refusal during a failover is a request that the failover lost."""


@dataclass(frozen=True)
class Strike:
    """One strike: when it was asked for, and when HAProxy had accepted the standby's promotion; epoch s."""

    server: str
    struck_s: float
    promoted_s: float | None


def victims(controller: Controller) -> list[str]:
    """Return the active servers, to be struck in turn."""
    return [server.name for server in controller.state().with_role("active")]


def run(
    under: Bench, name: str, inject: Callable[[Context, str], None], undo: Callable[[Context, str], None]
) -> tuple[list[Strike], list[Request]]:
    """Strike an active server, let the system recover, and so on; load runs all the time.

    Before each strike the system is steady under the load. After the last one it may be so only when the load
    is over: a standby that helps with the load is no failure.
    """
    strikes: list[Strike] = []
    rows: list[Request] = []
    settings = under.settings
    with (
        Controller(settings.controller_url) as controller,
        Engine(settings.docker_url, settings.project) as engine,
    ):
        context = Context(engine, settings.target_url)
        actives = victims(controller)
        begun_seq = controller.last_seq()
        rate = SHARE * under.capacity_per_server() * len(actives)
        under.say(f"{name}: {under.trials} trials at {rate:.0f} requests/s")
        with under.constant_load(name, rate, under.trials * (RECOVERY_S + BEFORE_S)) as load:
            _until_it_flows(load, rows)
            for trial in range(under.trials):
                under.steady()
                _rest(load, rows, BEFORE_S)
                server = actives[trial % len(actives)]
                seq = controller.last_seq()
                struck = time.time()
                inject(context, server)
                _rest(load, rows, AFTER_S)
                undo(context, server)
                _rest(load, rows, AFTER_S)
                strikes.append(Strike(server, struck, promoted(controller.journal(seq))))
                under.say(_progress(name, trial, under.trials, strikes[-1]))
        bench.collect(load, rows)
        under.steady()
        _save(under.loads[-1], strikes, controller.journal(begun_seq))
    return strikes, rows


def _save(folder: Path, strikes: Sequence[Strike], entries: Sequence[Entry]) -> None:
    """Write what the figures come from, beside the requests: the strikes, and the controller's journal."""
    records.write_json(folder / "strikes.json", [asdict(strike) for strike in strikes])
    lines = "".join(json.dumps(entry.raw) + "\n" for entry in entries)
    (folder / "journal.jsonl").write_text(lines, encoding="utf-8")


def _until_it_flows(load: Load, rows: list[Request]) -> None:
    """Wait for the first reply: the generator takes a moment to start."""
    deadline = time.monotonic() + START_S
    while not rows:
        if time.monotonic() >= deadline:
            raise GeneratorError(f"no request ended within {START_S:g} s of the load's start")
        _rest(load, rows, POLL_S)


def _rest(load: Load, rows: list[Request], seconds: float) -> None:
    time.sleep(seconds)
    load.sample_cpu()
    if not load.running():
        raise LabError("the load ended before the last trial", cause="the system took very long to recover")
    bench.collect(load, rows)


def _progress(name: str, trial: int, trials: int, strike: Strike) -> str:
    in_rotation = (
        f"standby in rotation after {(strike.promoted_s - strike.struck_s) * 1000:.1f} ms"
        if strike.promoted_s
        else "no standby was promoted"
    )
    return f"{name} {trial + 1}/{trials}: {strike.server}, {in_rotation}"


def promoted(entries: Sequence[Entry]) -> float | None:
    """Return when the standby was in rotation (epoch s), as in a chaos run; None if no promotion held."""
    entry = timeline.promotion(entries)
    return entry.time if entry else None


def lost(rows: Sequence[Request]) -> list[Request]:
    """Return the requests that got no prediction."""
    return [row for row in rows if row.failure in LOST]


def slowest_above_p99_ms(strikes: Sequence[Strike], rows: Sequence[Request]) -> list[float]:
    """Return, per strike, the slowest request due around the second after it, less the usual p99.

    Usual is what was due while no strike was being recovered from: the seconds before each strike. Requests
    that were in progress at the strike count to the second after it.
    """
    usual = [
        row.latency_ms
        for strike in strikes
        for row in rows
        if strike.struck_s - BEFORE_S <= row.scheduled_s and _ended_s(row) < strike.struck_s
    ]
    p99 = bench.percentile_ms(usual, 0.99)
    return [
        max(
            (
                row.latency_ms
                for row in rows
                if row.scheduled_s < strike.struck_s + 1.0 and _ended_s(row) >= strike.struck_s
            ),
            default=0.0,
        )
        - p99
        for strike in strikes
    ]


def _ended_s(row: Request) -> float:
    return row.scheduled_s + row.latency_ms / 1000
