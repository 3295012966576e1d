"""What was done to the system and what its controller did about it, on one axis. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hadr.contract import Event, Verb
from lab.parts.controller import Entry
from lab.report.terminal import sentence

INJECT = "inject"
FAULT_WORDS = {
    INJECT: "fault asked for",
    "effect": "fault in effect",
    "undo": "end asked for",
    "ended": "fault over",
}
DECISION, ACTION, CONFIRMED = Event.DECISION, Event.ACTION, Event.CONFIRMED
FAULT, CONTROLLER = "fault", "controller"


@dataclass(frozen=True)
class Mark:
    """One thing that happened, `at_s` seconds after the moment that times count from.

    `kind` is the journal's or the fault's word for what happened, `action` the controller's.
    """

    at_s: float
    source: str
    what: str
    server: str
    text: str
    kind: str
    action: str = ""


def events(faults: Sequence[Mapping[str, Any]], journal: Sequence[Entry], zero_s: float) -> list[Mark]:
    """Return the faults' and the controller's events in the order of time."""
    result = [_fault(raw, zero_s) for raw in faults]
    for entry in journal:
        if entry.event in (DECISION, ACTION, CONFIRMED) and entry.text("action") not in ("", Verb.NONE):
            what = f"{entry.event}: {entry.text('action')}"
            named = f"{entry.text('action')} {entry.text('server')}: "
            text = sentence(entry).removeprefix(named)
            at_s, server, action = entry.time - zero_s, entry.text("server"), entry.text("action")
            result.append(Mark(at_s, CONTROLLER, what, server, text, entry.event, action))
    return sorted(result, key=lambda event: event.at_s)


def _fault(raw: Mapping[str, Any], zero_s: float) -> Mark:
    kind = str(raw.get("event", ""))
    name, detail = str(raw.get("fault", "")), str(raw.get("detail") or "")
    parameters = raw.get("parameters")
    if kind == INJECT and isinstance(parameters, dict) and parameters:
        given = ", ".join(f"{key} = {value}" for key, value in parameters.items())
        detail = f"{detail}; {given}" if detail else given
    return Mark(
        float(raw["time"]) - zero_s,
        FAULT,
        f"{FAULT_WORDS.get(kind, kind)}: {name}",
        str(raw.get("target", "")),
        detail,
        kind,
    )
