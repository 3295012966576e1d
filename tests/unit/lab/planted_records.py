"""An experiment's folder with planted records.

What each part would have written if the test were true.
"""

import dataclasses
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lab.facts.milestones import Milestone
from lab.facts.story import Phase, Story
from lab.facts.validity import Generator
from lab.load import answers
from lab.load.answers import Answers
from lab.parts.controller import Entry, State
from lab.records.classes import classify
from lab.records.folder import (
    COLLECTED,
    FAULTS,
    GENERATOR,
    HAPROXY_LOG,
    JOURNAL,
    PREDICTOR_LOG,
    REQUESTS,
    SAMPLES,
    SETTINGS_FILE,
    write_json,
)
from lab.records.requests import Request, RequestWriter
from unit.lab.journal_entries import T0, journal, server, state

POLICY = {"stable_s": 5.0, "start_pause_s": 1.0, "start_pause_max_s": 60.0, "proven_s": 60.0}
HEALTHY = {"health": "up", "check": "up", "tripwire": "connected", "container": "running", "admin": "ready"}
RIGHT = 0.25


@dataclass
class Planted:
    """The records; `save` writes them. Times of requests and faults are in seconds after T0."""

    folder: Path
    rows: list[Request] = field(default_factory=list)
    haproxy: list[str] = field(default_factory=list)
    predictor: list[str] = field(default_factory=list)
    faults: list[dict[str, Any]] = field(default_factory=list)
    samples: list[dict[str, Any]] = field(default_factory=list)
    journal: list[Entry] = field(default_factory=list)
    start: State = field(default_factory=state)
    end: State | None = field(default_factory=state)
    unfinished: int | None = 0
    begun: int | None = None  # all that are planted, unless the test says otherwise
    collected: list[dict[str, Any]] | None = None
    right: list[float] | None = field(default_factory=lambda: [RIGHT] * 10)

    def request(
        self,
        at_s: float,
        name: str = "",
        *,
        status: int = 200,
        server: str = "predictor-1",
        took_ms: float = 20,
        latency_ms: float | None = None,
        error: str = "",
        probability: float | None = RIGHT,
        placement: bool | None = None,
        retries: str = "0",
        termination: str = "--",
        haproxy_status: int | None = None,
        haproxy_server: str | None = None,
        sent_bytes: int = 250,
        logged: bool = True,
        executed: Sequence[tuple[str, int, float]] | None = None,
        backend: str = "predictors",
        gone: bool = False,
    ) -> str:
        """Plant one request in all records; `executed` are (server, status, done after ms).

        Return its id.

        HAProxy got it 0.3 ms after it was sent, and was done with it 0.3 ms before the client.
        """
        request_id = name or f"{len(self.rows):032x}"
        at = T0 + at_s
        said = error or ("" if status == 200 else f"status {status}" if status else "timed out")
        waited_ms = took_ms if latency_ms is None else latency_ms
        queued_out = status == 503 and termination == "sQ" and retries == "0"  # as haproxy.cfg has it
        failure = classify(
            status,
            refused_by="haproxy" if queued_out else "",
            sound=not said,
            latency_ms=waited_ms,
            limit_ms=1000,
            gone=gone,
        )
        answer = probability if not said else None
        decided = placement if placement is not None or answer is None else answer >= 0.5
        seen = (status, server if status else "", said, 3, answer, decided, failure)
        self.rows.append(Request(request_id, at, at, waited_ms, took_ms, *seen))
        if logged:
            shown = haproxy_server if haproxy_server is not None else server
            self.log(
                request_id,
                at_s + 0.0003,
                status=status if haproxy_status is None else haproxy_status,
                server=shown,
                retries=retries,
                termination=termination,
                sent_bytes=sent_bytes,
                took_ms=int(took_ms),
                backend=backend,
            )
        done = [(server, 200, took_ms - 1)] if executed is None and status == 200 else executed or ()
        for who, code, done_ms in done:
            self.predicted(request_id, who, code, at_s + done_ms / 1000)
        return request_id

    def log(
        self,
        request_id: str,
        at_s: float,
        *,
        status: int = 200,
        server: str = "predictor-1",
        retries: str = "0",
        termination: str = "--",
        sent_bytes: int = 250,
        took_ms: int = 20,
        backend: str = "predictors",
    ) -> None:
        """Plant a line of HAProxy's log."""
        line = {
            "time_us": round((T0 + at_s) * 1e6),
            "id": request_id,
            "status": status,
            "server": server,
            "backend": backend,
            "retries": retries,
            "time_active_ms": took_ms,
            "termination_state": termination,
            "bytes_sent": sent_bytes,
        }
        self.haproxy.append(json.dumps(line))

    def predicted(self, request_id: str, server: str, status: int, done_s: float) -> None:
        """Plant a line of a predictor's log; it took 10 ms."""
        line = {
            "time": T0 + done_s - 0.01,
            "request_id": request_id,
            "server": server,
            "status": status,
            "duration_ms": 10.0,
        }
        self.predictor.append(json.dumps(line))

    def fault(self, at_s: float, event: str, target: str = "predictor-1", name: str = "kill") -> None:
        """Plant a line of faults.jsonl."""
        line = {
            "time": T0 + at_s,
            "event": event,
            "fault": name,
            "target": target,
            "detail": "",
            "parameters": {},
        }
        self.faults.append(line)

    def sample(self, at_s: float, *, steady: bool) -> None:
        """Plant a line of samples.jsonl."""
        self.samples.append(
            {"time": T0 + at_s, "steady": steady, "steady_reason": "", "servers": [], "window": {}}
        )

    def save(self) -> Path:
        """Write everything; return the folder."""
        writer = RequestWriter(self.folder / REQUESTS)
        for row in self.rows:
            writer.write(row)
        writer.close()
        # HAProxy says plain sentences between its lines.
        self.lines(HAPROXY_LOG, [*self.haproxy, "Server predictors/predictor-1 is DOWN, changed from CLI."])
        self.lines(PREDICTOR_LOG, self.predictor)
        self.lines(JOURNAL, [json.dumps(entry.raw) for entry in self.journal])
        self.lines(FAULTS, map(json.dumps, self.faults))
        self.lines(SAMPLES, map(json.dumps, self.samples))
        saved = {
            "topology": "2-active",
            "state_start": dataclasses.asdict(self.start),
            "state_end": dataclasses.asdict(self.end) if self.end else "the controller does not answer",
        }
        write_json(self.folder / SETTINGS_FILE, saved)
        if self.unfinished is not None:
            begun = len(self.rows) + self.unfinished if self.begun is None else self.begun
            counted = dataclasses.asdict(Generator(True, begun, self.unfinished, 0, 0, "the schedule ended"))
            write_json(self.folder / GENERATOR, counted)
        if self.collected is not None:
            write_json(self.folder / COLLECTED, self.collected)
        if self.right is not None:
            placements = [probability >= 0.5 for probability in self.right]
            answers.save(self.folder, Answers("1", 1, self.right, placements))
        return self.folder

    def lines(self, name: str, lines: Any) -> None:
        """Write a file of lines."""
        (self.folder / name).write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")


def told(*rows: tuple[float, str, dict[str, Any]]) -> list[Entry]:
    """Make a journal that begins with the controller's start and all servers healthy.

    ms after T0.
    """
    weights = {"predictor-1": 100, "predictor-2": 100, "predictor-3": 0}
    first = [(-99_000.0, "started", {"version": "1", "topology": "2-active", "policy": POLICY})]
    for name, weight in weights.items():
        change = {key: [None, value] for key, value in {**HEALTHY, "weight": weight}.items()}
        first.append((-98_000.0, "observation", {"server": name, "change": change}))
    return list(journal(*first, *rows))


def acted(ms: float, verb: str, name: str, took_ms: float = 1.0) -> tuple[float, str, dict[str, Any]]:
    """Make the entry of an action that was carried out, done `ms` after T0."""
    weight = 100 if verb == "promote" else 0
    command = f"set server predictors/{name} weight {weight}"
    fields = {"action": verb, "server": name, "command": command, "result": "ok", "took_ms": took_ms}
    return ms, "action", fields


def decided(ms: float, verb: str, name: str) -> tuple[float, str, dict[str, Any]]:
    """Make the entry of a decision."""
    return ms, "decision", {"action": verb, "server": name, "reason": f"{verb} {name}", "signals": []}


def observed(ms: float, name: str, **changes: Any) -> tuple[float, str, dict[str, Any]]:
    """Make the entry of an observation: what the fields are now."""
    return ms, "observation", {"server": name, "change": {key: [None, now] for key, now in changes.items()}}


__all__ = ["RIGHT", "T0", "Planted", "acted", "decided", "observed", "server", "state", "told"]


def first(made: Story, name: str) -> Milestone | None:
    """Return a story's first milestone of a name."""
    return next((each for each in made.milestones if each.name == name), None)


def phase(made: Story, name: str) -> Phase | None:
    """Return a story's phase that ends with a milestone."""
    return next((each for each in made.phases if each.name == name), None)
