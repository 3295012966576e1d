"""The story of a failure, told once, from the records of a folder.

Milestones, and the budget of the time.

milestones.py defines each milestone. The budget says where the time of the first failure went: each
of its phases reaches from one milestone of CHAIN to the next, in the order of time. `first client
affected` lies beside the others, since clients can be spared, or be affected before or after anyone
has noticed.

A time is as uncertain as its record's resolution. A milestone by the generator's or by HAProxy's
clock is held against the clock of the faults: how far these may differ is known only from joined
requests (clock.py); where these do not tell, its uncertainty is unknown (null).
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

from hadr.contract import OK, Event
from lab.facts import clock, milestones, server_history
from lab.facts.around import Around, around
from lab.facts.ledger_sql import PARQUET
from lab.facts.milestones import (
    AFFECTED,
    COMMANDED,
    DECIDED,
    DEMOTED,
    DETECTED,
    FIRST_SERVED,
    FIRST_SIGN,
    HEALTHY,
    IN_ROTATION,
    INJECTED,
    STEADY,
    FaultSpan,
    Milestone,
)
from lab.parts.controller import ACTIVE, STANDBY, Entry
from lab.records.folder import (
    FAULTS,
    HAPROXY_LOG,
    JOURNAL,
    REQUESTS,
    SAMPLES,
    SETTINGS_FILE,
    STORY,
    json_lines,
    read_json,
    write_json,
)

OF_THE_STANDBY = (DECIDED, COMMANDED, IN_ROTATION, FIRST_SERVED)
CHAIN = (INJECTED, FIRST_SIGN, DETECTED, *OF_THE_STANDBY, STEADY)
_HAPROXY_COLUMNS = {
    "time_us": "BIGINT",
    "time_active_ms": "INTEGER",
    "id": "VARCHAR",
    "status": "SMALLINT",
    "server": "VARCHAR",
}


@dataclass(frozen=True)
class Phase:
    """The time between two milestones, named after the second.

    `start_s` and `end_s` are epoch seconds.
    """

    name: str
    server: str
    from_: str
    start_s: float
    end_s: float
    at_ms: float
    duration_ms: float
    source: str
    uncertainty_ms: float | None


@dataclass(frozen=True)
class Story:
    """The content of story.json.

    `total_ms` is from the first fault to the chain's last milestone.
    """

    injected_s: float | None
    milestones: tuple[Milestone, ...] = ()
    phases: tuple[Phase, ...] = ()
    total_ms: float | None = None
    uncertainty_ms: float | None = None
    requests: Around | None = None
    remarks: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    def at_ms(self, milestone: Milestone) -> float:
        """Return when it was, counted from the first fault."""
        return (milestone.time_s - (self.injected_s or 0.0)) * 1000

    def as_json(self) -> dict[str, Any]:
        """Return the content of story.json."""
        raw = dataclasses.asdict(self)
        for phase in raw["phases"]:
            phase["from"] = phase.pop("from_")
        for told, each in zip(raw["milestones"], self.milestones, strict=True):
            told["at_ms"] = self.at_ms(each)
        return raw


def build(folder: Path) -> Story:
    """Tell the story of a folder, and write story.json. Without a ledger it has no requests."""
    done = milestones.fault_spans(json_lines(folder / FAULTS))
    told = _tell(folder, done) if done else Story(None, notes=("no fault was injected",))
    write_json(folder / STORY, told.as_json())
    return told


def _tell(folder: Path, done: Sequence[FaultSpan]) -> Story:
    roles, _ = server_history.of_state(read_json(folder / SETTINGS_FILE).get("state_start") or {})
    entries = [Entry.from_raw(raw) for raw in json_lines(folder / JOURNAL)]
    found = [*milestones.of_faults(done), *milestones.of_journal(done, roles, entries)]
    start_s = done[0].time_s
    ended_s = max((span.ended_s or span.time_s for span in done), default=start_s)
    steady = milestones.steady_again(json_lines(folder / SAMPLES), start_s, ended_s)
    found += [steady] if isinstance(steady, Milestone) else []
    requests, skew = None, clock.Skew(None, None)
    with duckdb.connect() as db:
        if (folder / PARQUET).is_file():
            db.read_parquet(str(folder / PARQUET)).create_view("ledger")
            skew = clock.skew(db)
            found += _affected(db, start_s, skew)
            requests = around(db, start_s, steady.time_s if isinstance(steady, Milestone) else None)
        found += _first_served(db, folder, found, skew)
    # The sort is stable: what has the same time stays in the order of cause and effect.
    ordered = tuple(sorted(found, key=lambda each: each.time_s))
    phases, chain = _phases(ordered)
    last = chain[-1]
    return Story(
        injected_s=start_s,
        milestones=ordered,
        phases=phases,
        total_ms=(last.time_s - start_s) * 1000 if len(chain) > 1 else None,
        uncertainty_ms=_sum(chain[0], last) if len(chain) > 1 else None,
        requests=requests,
        remarks=(
            *_remarks(ordered, done, roles, entries),
            *((steady,) if isinstance(steady, str) else ()),
        ),
        notes=tuple(_notes(ordered, folder, skew)),
    )


def _affected(db: duckdb.DuckDBPyConnection, start_s: float, skew: clock.Skew) -> Iterator[Milestone]:
    """Yield the first request that the fault touched."""
    row = db.execute(
        """SELECT ended_s, class, request_id, server FROM ledger
           WHERE ended_s >= $start AND class NOT IN ('served', 'rejected', 'client_gone')
             AND (class <> 'shed' OR NOT EXISTS (FROM ledger WHERE class = 'shed' AND ended_s < $start))
           ORDER BY ended_s LIMIT 1""",
        {"start": start_s},
    ).fetchone()
    if row:
        at, name, request_id, server = row
        text = f"request {request_id} {name.replace('_', ' ')}"
        yield Milestone(AFFECTED, server, at, REQUESTS, text, skew.of(clock.CLIENT_RESOLUTION_MS))


def _first_served(
    db: duckdb.DuckDBPyConnection, folder: Path, found: Sequence[Milestone], skew: clock.Skew
) -> list[Milestone]:
    """Return the first request, anybody's, that each promoted standby answered."""
    path = folder / HAPROXY_LOG
    if not path.is_file() or path.stat().st_size == 0:
        return []
    db.read_json(
        str(path), format="newline_delimited", ignore_errors=True, columns=_HAPROXY_COLUMNS
    ).create_view("haproxy")
    served = []
    for commanded in (each for each in found if each.name == COMMANDED):
        ends = (each.time_s for each in found if (each.name, each.server) == (DEMOTED, commanded.server))
        if not any((each.name, each.server) == (IN_ROTATION, commanded.server) for each in found):
            continue
        row = db.execute(
            """SELECT time_us / 1e6 + time_active_ms / 1000 AS end_s, id, time_active_ms FROM haproxy
               WHERE server = $server AND status = 200 AND end_s BETWEEN $since AND $until
               ORDER BY end_s LIMIT 1""",
            {
                "server": commanded.server,
                "since": commanded.time_s,
                "until": min((at for at in ends if at > commanded.time_s), default=1e18),
            },
        ).fetchone()
        if row:
            text = f"request {row[1]} answered by {commanded.server} in {row[2]:.0f} ms"
            uncertain = skew.of(clock.HAPROXY_RESOLUTION_MS)
            served.append(Milestone(FIRST_SERVED, commanded.server, row[0], HAPROXY_LOG, text, uncertain))
    return served


def _phases(found: Sequence[Milestone]) -> tuple[tuple[Phase, ...], list[Milestone]]:
    """Return the budget's phases and the chain of milestones behind them.

    `found` is in the order of time.
    """
    injected = next(each for each in found if each.name == INJECTED)
    standby = _of_first(found, IN_ROTATION) or _of_first(found, DECIDED)
    chain: list[Milestone] = []
    for name in CHAIN:
        whose = standby if name in OF_THE_STANDBY else None
        known = (each for each in found if each.name == name and whose in (None, each.server))
        chain += itertools.islice(known, 1)
    # In the order of time: under saturation a promotion may come before anyone has noticed the
    # fault.
    chain.sort(key=lambda each: each.time_s)
    phases = [_phase(before, after, injected.time_s) for before, after in itertools.pairwise(chain)]
    affected = [_phase(injected, each, injected.time_s) for each in found if each.name == AFFECTED]
    return (*affected, *phases), chain


def _of_first(found: Sequence[Milestone], name: str) -> str | None:
    return next((each.server for each in found if each.name == name), None)


def _phase(before: Milestone, after: Milestone, start_s: float) -> Phase:
    return Phase(
        name=after.name,
        server=after.server,
        from_=before.name,
        start_s=before.time_s,
        end_s=after.time_s,
        at_ms=(after.time_s - start_s) * 1000,
        duration_ms=(after.time_s - before.time_s) * 1000,
        source=f"{after.source}: {after.text}",
        uncertainty_ms=_sum(before, after),
    )


def _sum(before: Milestone, after: Milestone) -> float | None:
    if before.uncertainty_ms is None or after.uncertainty_ms is None:
        return None
    return before.uncertainty_ms + after.uncertainty_ms


def _remarks(
    found: Sequence[Milestone], done: Sequence[FaultSpan], roles: Mapping[str, str], entries: Sequence[Entry]
) -> Iterator[str]:
    """Yield what did not happen although it could be expected, and why that may be right."""
    names = {(each.name, each.server) for each in found}
    promoted = sorted(server for name, server in names if name == IN_ROTATION)
    struck = sorted({span.target for span in done} & set(roles))
    if struck and not promoted:
        yield _not_promoted(set(struck), roles, [each for each in entries if each.time >= done[0].time_s])
    for server in struck:
        if not {(FIRST_SIGN, server), (DETECTED, server)} & names:
            yield f"no record shows that anyone noticed the fault of {server}"
        elif (DETECTED, server) in names and (HEALTHY, server) not in names:
            yield f"no record shows that {server} is healthy again"
    for server in promoted:
        if (FIRST_SERVED, server) not in names:
            yield f"no request reached {server} while it was in rotation (no load?)"
        if (DEMOTED, server) not in names:
            yield f"{server} was not yet demoted in the time observed"


def _not_promoted(struck: set[str], roles: Mapping[str, str], entries: Sequence[Entry]) -> str:
    """Return why nobody was promoted."""
    standbys = {name for name, role in roles.items() if role == STANDBY}
    actives = [name for name, role in roles.items() if role == ACTIVE]
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
    tried = [
        entry
        for entry in entries
        if entry.event == Event.ACTION and entry.text("action") == milestones.PROMOTE
    ]
    why = f": {tried[-1].text('command')!r} gave {tried[-1].text('result')!r}" if tried else ""
    unseen = ", and no observation confirmed it" if tried and tried[-1].text("result") == OK else ""
    return f"NO STANDBY WAS PROMOTED in the time observed{why}{unseen}"


def _notes(found: Sequence[Milestone], folder: Path, skew: clock.Skew) -> Iterator[str]:
    """Yield what else to know, and what the uncertainty stands for."""
    events = json_lines(folder / FAULTS)
    effects = sorted(float(event["time"]) for event in events if event["event"] == "effect")
    if effects:
        start_s = next(each.time_s for each in found if each.name == INJECTED)
        took_ms = (effects[0] - start_s) * 1000
        yield f"the fault was seen in effect {took_ms:.0f} ms after it was asked for; it began in between"
    if (folder / PARQUET).is_file() and not any(each.name == AFFECTED for each in found):
        yield "no request was retried, late, wrong or lost since the fault, and shedding did not begin then"
    yield skew.words
