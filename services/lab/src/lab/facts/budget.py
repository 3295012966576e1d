"""The budget: where the time of a failover goes, from the records of controller, HAProxy and client. Pure.

The milestones, each the first record of its kind after the first fault was asked for:

    injected                     faults.jsonl: the moment just before the fault was asked for
    first client affected        ledger: the end of the first request, in progress since then, that was
                                 retried, late, wrong or lost; or shed, if none had been shed before
    detected                     journal: the first signal about a struck server (tripwire, Docker, check,
                                 HAProxy's look at the traffic), or the observation that it is down
    decided                      journal: the decision to promote a standby; without one, to mark it down
    commanded                    journal: the command was sent (the action's end less the time it took)
    in rotation                  journal: HAProxy had accepted the command
    first served by the standby  HAProxy's log: the end of the first request that the promoted server answered
    steady again                 samples.jsonl: the first of a second of steady ones, after the fault's end

A phase reaches from one milestone to the next; `first client affected` lies beside the others, since clients
can be spared, or be affected before or after anyone has noticed.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

from lab import records
from lab.facts import clock
from lab.facts.ledger_sql import PARQUET
from lab.facts.server_history import bad_news
from lab.parts.controller import Entry
from lab.records import BUDGET, FAULTS, JOURNAL, SAMPLES, json_lines

INJECTED, AFFECTED, DETECTED, DECIDED = "injected", "first client affected", "detected", "decided"
COMMANDED, IN_ROTATION = "commanded", "in rotation"
FIRST_SERVED, STEADY = "first served by the standby", "steady again"
CHAIN = (INJECTED, DETECTED, DECIDED, COMMANDED, IN_ROTATION, FIRST_SERVED, STEADY)
STEADY_S = 0.9
"""Steady is what is called so for a second, as in an experiment's recovery; samples are a quarter apart."""
TRAFFIC_CHECK = "HANA"
"""HAProxy's code for a server that it took out for errors in the real traffic."""


@dataclass(frozen=True)
class Milestone:
    """A moment (epoch seconds), from which record, and how far it may be off."""

    name: str
    time: float
    source: str
    uncertainty_ms: float


@dataclass(frozen=True)
class Phase:
    """The time between two milestones. `start_s` and `end_s` are epoch seconds."""

    name: str
    from_: str
    to: str
    start_s: float
    end_s: float
    at_ms: float
    duration_ms: float
    source: str
    uncertainty_ms: float


@dataclass(frozen=True)
class Budget:
    """The content of budget.json; `total_ms` is from the fault to the last milestone."""

    injected_s: float | None
    phases: tuple[Phase, ...]
    total_ms: float | None
    uncertainty_ms: float | None
    notes: tuple[str, ...]

    def phase(self, name: str) -> Phase | None:
        """Return a phase by name."""
        return next((phase for phase in self.phases if phase.name == name), None)

    def as_json(self) -> dict[str, Any]:
        """Return the content of budget.json."""
        raw = dataclasses.asdict(self)
        for phase in raw["phases"]:
            phase["from"] = phase.pop("from_")
        return raw


def build(folder: Path) -> Budget:
    """Make the budget of a folder that has a ledger, and write budget.json."""
    faults = sorted(json_lines(folder / FAULTS), key=lambda event: float(event["time"]))
    injected = [event for event in faults if event["event"] == "inject"]
    if not injected:
        made = Budget(None, (), None, None, ("no fault was injected",))
    else:
        entries = [Entry.from_raw(raw) for raw in json_lines(folder / JOURNAL)]
        made = _budget(folder, faults, injected, entries)
    records.write_json(folder / BUDGET, made.as_json())
    return made


def _budget(
    folder: Path,
    faults: Sequence[dict[str, Any]],
    injected: Sequence[dict[str, Any]],
    entries: Sequence[Entry],
) -> Budget:
    start = float(injected[0]["time"])
    targets = {str(event["target"]) for event in injected}
    found = [Milestone(INJECTED, start, f"{FAULTS}: {injected[0]['fault']} on {injected[0]['target']}", 0.1)]
    after = sorted((entry for entry in entries if entry.time >= start), key=lambda entry: entry.time)
    found += _journal(after, targets)
    db = duckdb.connect()
    try:
        db.read_parquet(str(folder / PARQUET)).create_view("ledger")
        skew = clock.skew(db)
        found += _requests(db, found, skew)
    finally:
        db.close()
    ended = max((float(event["time"]) for event in faults if event["event"] == "ended"), default=start)
    found += _steady(folder, start, ended)
    phases = tuple(_phases(found))
    chain = [each for each in found if each.name in CHAIN]
    last = max(chain, key=lambda each: each.time)
    return Budget(
        injected_s=start,
        phases=phases,
        total_ms=(last.time - start) * 1000 if len(chain) > 1 else None,
        uncertainty_ms=last.uncertainty_ms + found[0].uncertainty_ms if len(chain) > 1 else None,
        notes=tuple(_notes(found, faults, skew)),
    )


def _journal(entries: Sequence[Entry], targets: set[str]) -> Iterator[Milestone]:
    """Find who noticed, and what the controller did about it. The entries are those since the fault."""
    detected = next((entry for entry in entries if entry.text("server") in targets and _noticed(entry)), None)
    if detected:
        yield Milestone(DETECTED, detected.time, f"journal: {_by(detected)}", clock.JOURNAL_RESOLUTION_MS)
    decisions = [entry for entry in entries if entry.event == "decision"]
    decided = next((each for each in decisions if each.text("action") == "promote"), None) or next(
        (each for each in decisions if each.text("action") == "mark_down" and each.text("server") in targets),
        None,
    )
    if not decided:
        return
    yield Milestone(DECIDED, decided.time, f"journal: {decided.text('reason')}", clock.JOURNAL_RESOLUTION_MS)
    verb, server = decided.text("action"), decided.text("server")
    for entry in entries:
        done = (entry.event, entry.text("action"), entry.text("server"), entry.text("result"))
        if done == ("action", verb, server, "ok") and entry.time >= decided.time:
            took_s = float(entry.raw.get("took_ms") or 0) / 1000
            sent = max(decided.time, entry.time - took_s)
            said = f"journal: {entry.text('command')}"
            yield Milestone(COMMANDED, sent, said, clock.JOURNAL_RESOLUTION_MS)
            if verb == "promote":
                said = f"journal: HAProxy accepted {server}"
                yield Milestone(IN_ROTATION, entry.time, said, clock.JOURNAL_RESOLUTION_MS)
            return


def _noticed(entry: Entry) -> bool:
    """Tell whether an entry says that something is wrong with its server."""
    change = entry.raw.get("change")
    health = change.get("health") if isinstance(change, dict) else None
    return bad_news(entry.raw) or (isinstance(health, list) and health[-1] != "up")


def _by(entry: Entry) -> str:
    """Say who noticed, and what."""
    said, source = entry.text("what"), entry.text("source") or "observation"
    if source == "check" and TRAFFIC_CHECK in said:
        source = "traffic"
    return f"{source}: {said or entry.text('server') + ' is down'}"


def _requests(
    db: duckdb.DuckDBPyConnection, found: Sequence[Milestone], skew: clock.Skew
) -> Iterator[Milestone]:
    """Find the first request that the fault touched, and the first that the standby answered."""
    known = {each.name: each for each in found}
    start = known[INJECTED].time
    affected = db.execute(
        """SELECT ended_s, class, request_id FROM ledger
           WHERE ended_s >= $start AND class NOT IN ('served', 'rejected')
             AND (class <> 'shed' OR NOT EXISTS (FROM ledger WHERE class = 'shed' AND ended_s < $start))
           ORDER BY ended_s LIMIT 1""",
        {"start": start},
    ).fetchone()
    if affected:
        said = f"{records.REQUESTS}: {affected[2]} {affected[1].replace('_', ' ')}"
        yield Milestone(AFFECTED, affected[0], said, skew.uncertainty_ms + clock.CLIENT_RESOLUTION_MS)
    if IN_ROTATION not in known:
        return
    standby = known[IN_ROTATION].source.rsplit(" ", 1)[-1]
    served = db.execute(
        """SELECT haproxy_end_s, request_id FROM ledger
           WHERE haproxy_server = $standby AND haproxy_status = 200 AND haproxy_end_s >= $since
           ORDER BY haproxy_end_s LIMIT 1""",
        {"standby": standby, "since": known[COMMANDED].time},
    ).fetchone()
    if served:
        said = f"HAProxy's log: {served[1]} answered by {standby}"
        yield Milestone(FIRST_SERVED, served[0], said, clock.HAPROXY_RESOLUTION_MS)


def _steady(folder: Path, start: float, ended: float) -> Iterator[Milestone]:
    """Find since when it was steady again, after the fault's end; nothing if it had been all the time."""
    samples = [row for row in json_lines(folder / SAMPLES) if float(row["time"]) >= start]
    before = None
    for steady, group in itertools.groupby(samples, key=lambda row: bool(row["steady"])):
        times = [float(row["time"]) for row in group]
        if not steady:
            before = times[-1]
        elif before is not None and times[-1] - (at := max(times[0], ended)) >= STEADY_S:
            said = f"{SAMPLES}: the controller calls the system steady"
            yield Milestone(STEADY, at, said, (times[0] - before) * 1000)
            return


def _phases(found: Sequence[Milestone]) -> Iterator[Phase]:
    """Yield the phase that each milestone ends, in the order of the chain."""
    known = {each.name: each for each in found}
    injected = known[INJECTED]
    if AFFECTED in known:
        yield _phase(injected, known[AFFECTED], injected.time)
    # In the order of time: under saturation a promotion may come before anyone has noticed the fault.
    chain = sorted((known[name] for name in CHAIN if name in known), key=lambda each: each.time)
    for before, after in itertools.pairwise(chain):
        yield _phase(before, after, injected.time)


def _phase(before: Milestone, after: Milestone, start: float) -> Phase:
    return Phase(
        name=after.name,
        from_=before.name,
        to=after.name,
        start_s=before.time,
        end_s=after.time,
        at_ms=(after.time - start) * 1000,
        duration_ms=(after.time - before.time) * 1000,
        source=after.source,
        uncertainty_ms=before.uncertainty_ms + after.uncertainty_ms,
    )


def _notes(found: Sequence[Milestone], faults: Sequence[dict[str, Any]], skew: clock.Skew) -> Iterator[str]:
    """Say what is missing, and what the uncertainty stands for."""
    known = {each.name for each in found}
    effect = next((float(event["time"]) for event in faults if event["event"] == "effect"), None)
    if effect is not None:
        took_ms = (effect - found[0].time) * 1000
        yield f"the fault was seen in effect {took_ms:.0f} ms after it was asked for; it began in between"
    if AFFECTED not in known:
        yield "no request was retried, late, wrong or lost since the fault, and shedding did not begin then"
    missing = [name for name in CHAIN[1:] if name not in known]
    if missing:
        yield f"no record of: {', '.join(missing)}"
    if skew.contradictory:
        yield (
            f"the difference between the clocks of HAProxy and the generator cannot be bounded: by some "
            f"requests it is at least {skew.at_least_ms:.1f} ms, by others at most {skew.at_most_ms:.1f} ms"
        )
        return
    within = f"agree within {skew.uncertainty_ms:.1f} ms"
    yield f"the clocks of HAProxy and the generator {within}, as their records of the same requests show"
