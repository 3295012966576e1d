"""The milestones of a failure, from the records of faults, controller and samples. Pure.

A milestone is the first record of its kind, and names the server that it is about:

    injected               faults.jsonl: the last moment before the fault was asked for
    fault ended            faults.jsonl: the end of a fault that lasts, verified
    first sign             journal: the first signal that something is wrong with the struck server
    also seen              journal: the first such signal of each of the other sources
    detected               journal: the controller holds the struck server for failed: the
                           observation that it is no longer up, or the decision to mark it down
    decided                journal: the decision to promote a standby; where there is none, to mark
                           the struck server down
    commanded              journal: the command of that was sent (the action's end less the time
                           that it took)
    in rotation            journal: HAProxy had accepted the promotion, provided that an observation
                           confirmed it later
    started again          journal: the struck server's container was started, or runs again
    healthy again          journal: the observation that the struck server is up
    demoted                journal: the observation that confirmed the standby parked
    steady again           samples.jsonl: the first of a second of samples in which the controller
                           called the system steady, after it had not, and not before the last fault
                           had ended
    first client affected  ledger: the end of the first request, in progress since the first fault,
                           that was retried, late, wrong or lost; or shed, if none had been shed
                           before
    first served           HAProxy's log: the end of the first request that the promoted standby
                           answered

The last two are of the requests: story.py finds them. What is told of a struck server is what
followed the fault, up to the next fault of the same server.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from hadr.contract import OK, Event, Verb
from lab import faults
from lab.facts import clock
from lab.facts.server_history import bad_news
from lab.parts.controller import RUNNING, STANDBY, UP, Entry
from lab.records.folder import FAULTS, JOURNAL, SAMPLES

INJECTED, FAULT_ENDED, AFFECTED = "injected", "fault ended", "first client affected"
FIRST_SIGN, ALSO_SEEN, DETECTED, DECIDED = "first sign", "also seen", "detected", "decided"
COMMANDED, IN_ROTATION, FIRST_SERVED, DEMOTED = "commanded", "in rotation", "first served", "demoted"
STARTED, HEALTHY, STEADY = "started again", "healthy again", "steady again"
NAMES = (
    INJECTED, FAULT_ENDED, FIRST_SIGN, ALSO_SEEN, DETECTED, DECIDED, COMMANDED, IN_ROTATION, FIRST_SERVED,
    STARTED, HEALTHY, DEMOTED, STEADY, AFFECTED,
)  # fmt: skip
NOT_STEADY = "THE SYSTEM WAS NOT STEADY AGAIN in the time observed"
ALWAYS_STEADY = "the controller called the system steady all the time"
STEADY_S = 0.9
"""Steady is what is called so for a second, as in an experiment's recovery; samples are a quarter
apart."""
ASKED_MS = 0.1
"""The time of an injection is the last thing read before the request for it is sent."""
PROMOTE, DEMOTE, MARK_DOWN, STARTS = Verb.PROMOTE, Verb.DEMOTE, Verb.MARK_DOWN, (Verb.START, Verb.RESTART)


@dataclass(frozen=True)
class Milestone:
    """One thing that happened.

    `time_s` is in epoch seconds; `uncertainty_ms` is None where it is unknown.
    """

    name: str
    server: str
    time_s: float
    source: str
    text: str
    uncertainty_ms: float | None
    fault: str = ""


@dataclass(frozen=True)
class FaultSpan:
    """A fault as it was done to a target; None: no record of its end.

    `next_s`: when it is struck again.
    """

    fault: str
    target: str
    time_s: float
    detail: str = ""
    ended_s: float | None = None
    next_s: float = float("inf")

    def since(self, zero_s: float) -> FaultSpan:
        """Return it with its times counted from a moment."""
        ended_s = None if self.ended_s is None else self.ended_s - zero_s
        return replace(self, time_s=self.time_s - zero_s, ended_s=ended_s, next_s=self.next_s - zero_s)


def fault_spans(events: Iterable[Mapping[str, Any]]) -> list[FaultSpan]:
    """Pair each fault of faults.jsonl with the next end of the same fault on the same target."""
    ordered = sorted(events, key=lambda event: float(event["time"]))
    begun = [event for event in ordered if event.get("event") == "inject"]
    ends = [event for event in ordered if event.get("event") == "ended"]
    spans = []
    for number, event in enumerate(begun):
        fault, target, at_s = str(event.get("fault", "")), str(event.get("target", "")), float(event["time"])
        same = (each for each in ends if (each.get("fault"), each.get("target")) == (fault, target))
        if end := next((each for each in same if float(each["time"]) >= at_s), None):
            ends.remove(end)
        later = (float(each["time"]) for each in begun[number + 1 :] if each.get("target") == target)
        ended_s = float(end["time"]) if end else None
        detail = str(event.get("detail") or "")
        spans.append(FaultSpan(fault, target, at_s, detail, ended_s, next(later, float("inf"))))
    return spans


def of_faults(done: Sequence[FaultSpan]) -> Iterator[Milestone]:
    """Yield the injections, and the ends of faults that last."""
    for each in done:
        yield Milestone(INJECTED, each.target, each.time_s, FAULTS, each.detail, ASKED_MS, each.fault)
        if each.ended_s is not None and faults.load(each.fault).lasts(each.target):
            text = f"{each.fault} is undone"
            # That it is over is asked for ten times a second.
            yield Milestone(FAULT_ENDED, each.target, each.ended_s, FAULTS, text, 100.0, each.fault)


def of_journal(
    done: Sequence[FaultSpan], roles: Mapping[str, str], entries: Sequence[Entry]
) -> Iterator[Milestone]:
    """Yield how the failures came to light, and what the controller did about them."""
    after = sorted((entry for entry in entries if entry.time >= done[0].time_s), key=lambda entry: entry.time)
    for span in done:
        own = [
            entry
            for entry in after
            if entry.text("server") == span.target and span.time_s <= entry.time < span.next_s
        ]
        yield from _failure(own)
        yield from _repair(own)
    promotions = [
        found
        for standby, role in roles.items()
        if role == STANDBY
        for found in _promotions([entry for entry in after if entry.text("server") == standby])
    ]
    yield from promotions
    if not any(each.name == DECIDED for each in promotions):
        targets = {span.target for span in done}
        yield from _marked_down([entry for entry in after if entry.text("server") in targets])


def steady_again(samples: Iterable[Mapping[str, Any]], start_s: float, ended_s: float) -> Milestone | str:
    """Return since when it was steady again, or in a sentence why no record tells that."""
    rows = [row for row in samples if float(row["time"]) >= start_s]
    before = None
    for steady, group in itertools.groupby(rows, key=lambda row: bool(row["steady"])):
        times = [float(row["time"]) for row in group]
        if not steady:
            before = times[-1]
        elif before is not None and times[-1] - (at := max(times[0], ended_s)) >= STEADY_S:
            text = "every server is healthy and in its place"
            return Milestone(STEADY, "", at, SAMPLES, text, (times[0] - before) * 1000)
    if before is not None:
        return NOT_STEADY
    return ALWAYS_STEADY if rows else "no sample was taken after the fault"


def _of(entry: Entry, name: str, text: str, time_s: float | None = None) -> Milestone:
    at = entry.time if time_s is None else time_s
    return Milestone(name, entry.text("server"), at, JOURNAL, text, clock.JOURNAL_RESOLUTION_MS)


def _is(entry: Entry, event: str, *actions: str, result: str = "") -> bool:
    """Return whether an entry is of this event and of these actions, with the result if given."""
    wanted = entry.event == event and entry.text("action") in actions
    return wanted and result in ("", entry.text("result"))


def _change(entry: Entry, key: str) -> tuple[str, str]:
    """Return from what to what a field changed in an observation; two empty texts if it did not."""
    change = entry.raw.get("change")
    pair = change.get(key) if isinstance(change, dict) else None
    if entry.event != Event.OBSERVATION or not isinstance(pair, list | tuple) or len(pair) != 2:  # noqa: PLR2004
        return "", ""
    return str(pair[0]), str(pair[1])


def _failure(own: Sequence[Entry]) -> Iterator[Milestone]:
    """Yield the milestones by which the failure of a server came to light."""
    sources: dict[str, Entry] = {}
    for entry in own:
        if bad_news(entry.raw):
            sources.setdefault(entry.text("source"), entry)
    for number, (source, entry) in enumerate(sources.items()):
        yield _of(entry, ALSO_SEEN if number else FIRST_SIGN, f"{source}: {entry.text('what')}")
    for entry in own:
        was, now = _change(entry, "health")
        if _is(entry, Event.DECISION, MARK_DOWN) or (now not in ("", UP) and was in (UP, "None")):
            heard = [source for source, signal in sources.items() if signal.time <= entry.time]
            by = f"by {' and '.join(heard)}" if heard else "by observation"
            text = entry.text("reason") or f"{entry.text('server')} is {now}"
            yield _of(entry, DETECTED, f"{by}: {text}")
            return


def _repair(own: Sequence[Entry]) -> Iterator[Milestone]:
    """Yield the milestones of a server's return."""
    failed = started = False
    by = ""
    for entry in own:
        was, now = _change(entry, "container")
        by = entry.text("action") if _is(entry, Event.DECISION, *STARTS) else by
        ordered = _is(entry, Event.CONFIRMED, *STARTS) or _is(entry, Event.ACTION, *STARTS, result=OK)
        if not started and (ordered or (was not in ("", RUNNING) and now == RUNNING)):
            started = True
            # That its container runs may be observed before the command's own end.
            how = f"{by or entry.text('action')} by the controller" if ordered or by else "its container runs"
            yield _of(entry, STARTED, how)
        _, now = _change(entry, "health")
        failed = failed or (now not in ("", UP))
        if failed and now == UP:
            yield _of(entry, HEALTHY, "HAProxy's checks pass")
            return


def _promotions(own: Sequence[Entry]) -> Iterator[Milestone]:
    """Yield each takeover by a standby, and when the standby was parked again."""
    parked = [number for number, entry in enumerate(own) if _is(entry, Event.CONFIRMED, DEMOTE)]
    for start, end in itertools.pairwise([-1, *parked, len(own)]):
        part = own[start + 1 : end]
        decided = next((entry for entry in part if _is(entry, Event.DECISION, PROMOTE)), None)
        number = next((n for n, each in enumerate(part) if _is(each, Event.ACTION, PROMOTE, result=OK)), None)
        if decided:
            yield _of(decided, DECIDED, decided.text("reason"))
        if number is not None:
            accepted = part[number]
            yield _commanded(accepted, decided)
            if any(_is(entry, Event.CONFIRMED, PROMOTE) for entry in part[number + 1 :]):
                yield _of(accepted, IN_ROTATION, "HAProxy accepted its promotion")
        if end < len(own) and (decided or number is not None):
            yield _of(own[end], DEMOTED, f"{own[end].text('server')} is parked again")


def _marked_down(own: Sequence[Entry]) -> Iterator[Milestone]:
    """Yield the decision to mark a struck server down, where nobody takes its place."""
    decided = next((entry for entry in own if _is(entry, Event.DECISION, MARK_DOWN)), None)
    if decided is None:
        return
    yield _of(decided, DECIDED, decided.text("reason"))
    for entry in own:
        if _is(entry, Event.ACTION, MARK_DOWN, result=OK) and entry.text("server") == decided.text("server"):
            yield _commanded(entry, decided)
            return


def _commanded(action: Entry, decided: Entry | None) -> Milestone:
    sent_s = action.time - float(action.raw.get("took_ms") or 0) / 1000
    return _of(action, COMMANDED, action.text("command"), max(sent_s, decided.time if decided else sent_s))
