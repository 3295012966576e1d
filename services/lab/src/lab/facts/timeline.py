"""From the records to what happened: the steps of a failure and its repair. Pure: records in, steps out.

Each step is the first record of its kind after the fault was asked for:

    kill | pause   the request to Docker; the time is the one just before it was sent
    fault ended    the end of a fault that lasts (pause), verified
    first sign     the first signal about the server, and from whom: tripwire, docker or check
    also seen      the first signal of each of the other sources
    detected       the journal's first record that holds the server for failed, and by which signals
    decided        the decision to promote a standby, with its reason
    in rotation    the moment at which HAProxy had accepted the promotion of the standby, provided that an
                   observation confirmed it later
    first served   the end of the first request that the standby answered (HAProxy's log)
    started again  the server's container was started (restarted, unpaused) again
    healthy again  the observation that the server is up
    demoted        the observation that confirmed the standby parked
    steady again   the first moment at which the controller called the system steady

Times are wall-clock seconds since the epoch; a step's `at_ms` counts from the first fault.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from lab.facts.haproxy_log import LogLine
from lab.parts.controller import Entry

ACTIVE, STANDBY = "active", "standby"
UP, RUNNING = "up", "running"
RESTARTING_ACTIONS = ("start", "restart")


@dataclass(frozen=True)
class Stroke:
    """A fault that was asked for: which, on whom, and when."""

    server: str
    fault: str
    time: float
    detail: str = ""
    ended: float | None = None
    """When a fault that lasts was ended and its end verified; None for one that is over once it is done."""


@dataclass(frozen=True)
class Step:
    """One thing that happened. `at_ms` counts from the first stroke."""

    name: str
    server: str
    at_ms: float
    text: str


@dataclass(frozen=True)
class Story:
    """The steps in the order of time, and what did not happen although it could have been expected."""

    steps: tuple[Step, ...]
    remarks: tuple[str, ...]

    def first(self, name: str) -> Step | None:
        """Return the first step of a name."""
        return next((step for step in self.steps if step.name == name), None)


@dataclass(frozen=True)
class Records:
    """Everything a story is told from. `steady_at` is None if the system was not steady again in time."""

    strokes: Sequence[Stroke]
    roles: Mapping[str, str]
    entries: Sequence[Entry]
    log: Sequence[LogLine]
    steady_at: float | None


def tell(records: Records) -> Story:
    """Tell what happened."""
    start = min(stroke.time for stroke in records.strokes)
    entries = [entry for entry in records.entries if entry.time >= start]
    steps = [
        _step(stroke.fault, stroke.server, stroke.time, start, stroke.detail) for stroke in records.strokes
    ]
    for stroke in records.strokes:
        if stroke.ended is not None:
            steps.append(
                _step("fault ended", stroke.server, stroke.ended, start, f"{stroke.fault} is undone")
            )
        steps += _failure(stroke, entries, start)
        steps += _repair(stroke, entries, start)
    steps += _promotions(entries, records, start)
    if records.steady_at is not None:
        steps.append(
            _step("steady again", "", records.steady_at, start, "every server is healthy and in its place")
        )
    # The sort is stable: what has the same time stays in the order of cause and effect.
    ordered = tuple(sorted(steps, key=lambda step: step.at_ms))
    return Story(ordered, tuple(_remarks(records, ordered, entries)))


def _step(name: str, server: str, time: float, start: float, text: str) -> Step:
    return Step(name, server, (time - start) * 1000, text)


def _first(entries: Iterable[Entry], event: str, **fields: str) -> Entry | None:
    """Return the first entry of an event whose fields have these values."""
    for entry in entries:
        if entry.event == event and all(entry.text(key) == value for key, value in fields.items()):
            return entry
    return None


def _change(entry: Entry, key: str) -> tuple[str, str]:
    """Return from what to what a field changed in an observation; two empty texts if it did not."""
    change = entry.raw.get("change")
    pair = change.get(key) if isinstance(change, dict) else None
    if entry.event != "observation" or not isinstance(pair, list | tuple) or len(pair) != 2:  # noqa: PLR2004
        return "", ""
    return str(pair[0]), str(pair[1])


def promotion(entries: Sequence[Entry]) -> Entry | None:
    """Return the first promotion that HAProxy accepted and that a later observation confirmed.

    The entry is the action's, written when HAProxy had answered: from then on new requests reach the standby.
    """
    for number, entry in enumerate(entries):
        accepted = (entry.event, entry.text("action"), entry.text("result")) == ("action", "promote", "ok")
        if accepted and _first(
            entries[number + 1 :], "confirmed", action="promote", server=entry.text("server")
        ):
            return entry
    return None


def _failure(stroke: Stroke, entries: Sequence[Entry], start: float) -> Iterator[Step]:
    """Find how the failure of one server came to light."""
    own = [entry for entry in entries if entry.text("server") == stroke.server and entry.time >= stroke.time]
    sources: dict[str, Entry] = {}
    for entry in own:
        if entry.event == "signal":
            sources.setdefault(entry.text("source"), entry)
    for number, (source, entry) in enumerate(sources.items()):
        name = "also seen" if number else "first sign"
        said = entry.text("what")
        text = said if said.lower().startswith(source) else f"{source}: {said}"
        yield _step(name, stroke.server, entry.time, start, text)
    for entry in own:
        was, now = _change(entry, "health")
        marked = entry.event == "decision" and entry.text("action") == "mark_down"
        if marked or (was == UP and now != UP):
            heard = [source for source, signal in sources.items() if signal.time <= entry.time]
            by = f"by {' and '.join(heard)}" if heard else "by observation"
            said = entry.text("reason") or f"{stroke.server} is {now}"
            yield _step("detected", stroke.server, entry.time, start, f"{by}: {said}")
            return


def _repair(stroke: Stroke, entries: Sequence[Entry], start: float) -> Iterator[Step]:
    """Find how one server came back."""
    own = [entry for entry in entries if entry.text("server") == stroke.server and entry.time >= stroke.time]
    failed = started = False
    for entry in own:
        was, now = _change(entry, "container")
        ordered = entry.text("action") in RESTARTING_ACTIONS and (
            entry.event == "confirmed" or (entry.event == "action" and entry.text("result") == "ok")
        )
        if not started and (ordered or (was not in ("", RUNNING) and now == RUNNING)):
            started = True
            how = f"{entry.text('action')} by the controller" if ordered else "its container runs"
            yield _step("started again", stroke.server, entry.time, start, how)
        was, now = _change(entry, "health")
        failed = failed or (now not in ("", UP))
        if failed and now == UP:
            yield _step("healthy again", stroke.server, entry.time, start, "HAProxy's checks pass")
            return


def _promotions(entries: Sequence[Entry], records: Records, start: float) -> Iterator[Step]:
    """Find who took over, and when each was parked again."""
    for standby in (name for name, role in records.roles.items() if role == STANDBY):
        decided = _first(entries, "decision", action="promote", server=standby)
        promoted = promotion([entry for entry in entries if entry.text("server") == standby])
        demoted = _first(entries, "confirmed", action="demote", server=standby)
        if decided:
            yield _step("decided", standby, decided.time, start, decided.text("reason"))
        if promoted:
            yield _step("in rotation", standby, promoted.time, start, "HAProxy accepted its promotion")
            served = _first_served(records.log, standby, start)
            if served:
                text = f"request {served.request_id} answered by {standby} in {served.latency_ms:.0f} ms"
                yield _step("first served", standby, served.end, start, text)
        if demoted:
            yield _step("demoted", standby, demoted.time, start, f"{standby} is parked again")


def _first_served(log: Iterable[LogLine], server: str, start: float) -> LogLine | None:
    """Return the request of that server that ended first, after the start."""
    answered = (
        line for line in log if line.server == server and line.end >= start and line.outcome == "served"
    )
    return min(answered, key=lambda line: line.end, default=None)


def _remarks(records: Records, steps: Sequence[Step], entries: Sequence[Entry]) -> Iterator[str]:
    """Say what did not happen although it could be expected, and why that may be right."""
    names = {(step.name, step.server) for step in steps}
    promoted = sorted(server for name, server in names if name == "in rotation")
    if not promoted:
        yield _not_promoted(records, entries)
    for server in sorted({stroke.server for stroke in records.strokes}):
        if not {("first sign", server), ("detected", server)} & names:
            yield f"no record shows that anyone noticed the fault of {server}"
        elif ("healthy again", server) not in names:
            yield f"no record shows that {server} is healthy again"
    for server in promoted:
        if ("first served", server) not in names:
            yield f"no request reached {server} while it was in rotation (no load?)"
        if ("demoted", server) not in names:
            yield f"{server} was not yet demoted in the time observed"
    if records.steady_at is None:
        yield "THE SYSTEM WAS NOT STEADY AGAIN in the time observed"


def _not_promoted(records: Records, entries: Sequence[Entry]) -> str:
    """Say why nobody was promoted."""
    struck = {stroke.server for stroke in records.strokes}
    standbys = {name for name, role in records.roles.items() if role == STANDBY}
    actives = [name for name, role in records.roles.items() if role == ACTIVE]
    if not struck & set(actives):
        return "only a standby was struck: the active servers carry on, and nobody is promoted"
    if not standbys:
        survivors = [name for name in actives if name not in struck]
        who = (
            f"survivors carry the load ({', '.join(survivors)})"
            if survivors
            else "nobody is left to carry the load"
        )
        return f"no standby in this topology; {who}"
    if standbys <= struck:
        return "each standby was struck too: nobody was left to promote"
    tried = [entry for entry in entries if entry.event == "action" and entry.text("action") == "promote"]
    why = f": {tried[-1].text('command')!r} gave {tried[-1].text('result')!r}" if tried else ""
    unseen = ", and no observation confirmed it" if tried and tried[-1].text("result") == "ok" else ""
    return f"NO STANDBY WAS PROMOTED in the time observed{why}{unseen}"
