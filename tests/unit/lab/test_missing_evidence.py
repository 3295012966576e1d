"""Missing evidence is never "met".

An experiment with its records is, and without a part of them invalid.

The run is that of 2-active at 40 requests/s for 50 s; predictor-1 is killed in it, its requests are
saved by a retry, and it comes back. Each case takes something away, or plants what contradicts the
rest.
"""

from __future__ import annotations

import csv
import dataclasses
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lab.experiment import assess, parse, schedule
from lab.facts.judge import Facts, Verdict
from lab.load import spec
from lab.parts.controller import Entry
from lab.parts.predictors import Info
from lab.records.folder import (
    ANSWERS,
    COLLECTED,
    CPU,
    CPU_COLUMNS,
    FAULTS,
    GENERATOR,
    HAPROXY_LOG,
    JOURNAL,
    LOAD,
    PREDICTOR_LOG,
    REQUESTS,
    SAMPLES,
    SCENARIO,
    SETTINGS_FILE,
    json_lines,
    read_json,
    write_json,
)
from lab.records.requests import COLUMNS
from lab.settings import Settings
from unit.lab.journal_entries import ROLES, signalled, state
from unit.lab.planted_records import RIGHT, T0, Planted, acted, decided, observed, told

SCENARIO_TEXT = """\
description: one server dies
load: {rate: 40, before_s: 10, after_s: 2}
faults:
  - {fault: kill, target: predictor-1, at_s: 0}
expect: {lost: 0, unknown: 0, out_of_service_ms: under 200}
abort: {failed: 500}
recovery: {within_s: 30}
"""
SENT, RATE_PER_S, STRUCK_S = 2000, 40, 10.0
Change = Callable[[Path], None]


def journal() -> list[Entry]:
    at = STRUCK_S * 1000
    return told(
        signalled(at + 20, "tripwire", "tripwire_ended", "connection ended"),
        observed(at + 21, "predictor-1", health="down", tripwire="refused"),
        decided(at + 22, "promote", "predictor-3"),
        acted(at + 23, "promote", "predictor-3"),
        observed(at + 24, "predictor-3", weight=100),
        acted(at + 25, "mark_down", "predictor-1"),
        signalled(at + 100, "docker", "died", "event `die`, exit code 137"),
        observed(at + 101, "predictor-1", container="exited"),
        decided(at + 300, "start", "predictor-1"),
        observed(at + 700, "predictor-1", container="running", tripwire="connected"),
        observed(at + 3000, "predictor-1", health="up", check="up"),
        decided(at + 9000, "demote", "predictor-3"),
        acted(at + 9001, "demote", "predictor-3"),
        observed(at + 9002, "predictor-3", weight=0),
    )


def plan(folder: Path) -> schedule.Plan:
    made = parse.read(folder / SCENARIO)
    servers = {name: Info(name, "1", [], {}, 50.0) for name in ROLES}
    return schedule.plan(made, state(), servers, Settings(), 1)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An experiment's folder with all that the lab writes."""
    folder = tmp_path_factory.mktemp("whole")
    (folder / SCENARIO).write_text(SCENARIO_TEXT, encoding="utf-8")
    planted = Planted(folder, journal=journal(), collected=[{"service": "haproxy", "missing": ""}])
    for number in range(SENT):
        at_s = number / RATE_PER_S
        saved = STRUCK_S <= at_s < STRUCK_S + 0.1
        who = "predictor-2" if saved or STRUCK_S <= at_s < 13 or number % 2 else "predictor-1"
        planted.request(at_s, server=who, retries="+1" if saved else "0")
    for at_s, event in ((STRUCK_S, "inject"), (STRUCK_S + 0.09, "effect"), (13, "ended")):
        planted.fault(at_s, event)
    for quarter in range(-8, 220):
        planted.sample(quarter / 4, steady=not 40 <= quarter < 76)
    planted.save()
    made = plan(folder)
    spec.save(folder, made.load)
    settings = read_json(folder / SETTINGS_FILE)
    strokes = [{**dataclasses.asdict(each), "parameters": {}} for each in made.strokes]
    settings |= {"plan": {"strokes": strokes}, "settings": {"idle_min_percent": 5.0}}
    settings |= {"started_s": T0 - 1, "cost_factor": 1.0}
    settings["state_end"]["time"] = T0 + 55
    write_json(folder / SETTINGS_FILE, settings)
    fared = {"in_flight_peak_requests": 9, "in_flight_bound_hits": 0, "stopped_because": "it was ended"}
    content(GENERATOR, started_s=T0, **fared)(folder)
    rows = "".join(f"{T0 + second},80.0,10.0\n" for second in range(51))
    (folder / CPU).write_text(",".join(CPU_COLUMNS) + "\n" + rows, encoding="utf-8")
    return folder


def verdict(folder: Path) -> Verdict:
    entries = [Entry.from_raw(raw) for raw in json_lines(folder / JOURNAL)]
    return assess.verdict(folder, plan(folder), entries, T0 + STRUCK_S, Facts())


def remove(name: str) -> Change:
    return lambda folder: (folder / name).unlink()


def lines(name: str, change: Callable[[list[str]], list[str]]) -> Change:
    """Change the lines of a file."""

    def of(folder: Path) -> None:
        kept = change((folder / name).read_text(encoding="utf-8").splitlines())
        (folder / name).write_text("".join(f"{line}\n" for line in kept), encoding="utf-8")

    return of


def rows(change: Callable[[list[dict[str, str]]], list[dict[str, str]]]) -> Change:
    """Change the rows of requests.csv."""

    def of(folder: Path) -> None:
        path = folder / REQUESTS
        with path.open(newline="", encoding="utf-8") as file:
            kept = change(list(csv.DictReader(file)))
        with path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
            writer.writeheader()
            writer.writerows(kept)

    return of


def content(name: str, **values: Any) -> Change:
    """Change values of a JSON file."""
    return lambda folder: write_json(folder / name, read_json(folder / name) | values)


def another_line(found: list[str]) -> list[str]:
    """Add a second line of a request that says something else."""
    return [*found, json.dumps(json.loads(found[7]) | {"status": 503, "termination_state": "SC"})]


def without_lines_of(server: str, since_s: float, until_s: float) -> Change:
    """Drop what a server logged of requests in a time."""

    def keeps(line: str) -> bool:
        raw = json.loads(line)
        return raw["server"] != server or not since_s <= raw["time"] - T0 < until_s

    return lines(PREDICTOR_LOG, lambda found: [line for line in found if keeps(line)])


def struck_by(fault: str) -> Change:
    """Let another fault be what happened to predictor-1 at 20 s, when lines of it are missing."""

    def of(folder: Path) -> None:
        raw = {"fault": fault, "target": "predictor-1", "detail": "", "parameters": {}}
        more = [
            json.dumps({"time": T0 + at_s, "event": event, **raw})
            for at_s, event in ((20, "inject"), (20.1, "effect"), (25, "ended"))
        ]
        lines(FAULTS, lambda found: found + more)(folder)
        without_lines_of("predictor-1", 19.9, 20.3)(folder)

    return of


def unproven(folder: Path) -> None:
    """Take away what tells of each server's container."""
    untold = ('"container": [null, "running"]', '"x": [0, 1]')
    lines(JOURNAL, lambda found: [line.replace(*untold) for line in found])(folder)
    started = read_json(folder / SETTINGS_FILE)["state_start"]
    servers = [each | {"container": "unknown"} for each in started["servers"]]
    content(SETTINGS_FILE, state_start=started | {"servers": servers})(folder)


def without_requests(from_s: float, until_s: float) -> Change:
    """Let no request have been due in a time: no part has a record of any."""

    def within(request: dict[str, str]) -> bool:
        return from_s <= float(request["scheduled_s"]) - T0 < until_s

    def of(folder: Path) -> None:
        gone: set[str] = set()

        def kept(found: list[dict[str, str]]) -> list[dict[str, str]]:
            gone.update(row["request_id"] for row in found if within(row))
            return [row for row in found if not within(row)]

        rows(kept)(folder)
        for name, key in ((HAPROXY_LOG, "id"), (PREDICTOR_LOG, "request_id")):
            logged = [raw for raw in json_lines(folder / name) if raw[key] not in gone]
            lines(name, lambda _, logged=logged: [json.dumps(raw) for raw in logged])(folder)  # type: ignore[misc]
        content(GENERATOR, begun_requests=SENT - len(gone))(folder)

    return of


def changed(**values: str) -> Change:
    """Change columns of 200 rows."""
    return rows(lambda found: [row | (values if 440 <= n < 640 else {}) for n, row in enumerate(found)])


CASES: dict[str, tuple[Change, str]] = {
    "no journal": (remove(JOURNAL), "journal.jsonl is missing"),
    "an empty journal": (lines(JOURNAL, lambda _: []), "its log was rotated"),
    "a rotated journal": (lines(JOURNAL, lambda found: found[5:]), "its log was rotated"),
    "a gap in the journal": (
        lines(JOURNAL, lambda found: [*found[:8], *found[10:]]),
        "the journal has no entries between",
    ),
    "a journal without its end": (
        lines(JOURNAL, lambda found: found[:-3]),
        "the journal's end is missing: it leaves predictor-3 with weight 100",
    ),
    "requests in time against their latency": (
        changed(latency_ms="5000.000"),
        "200 requests are in time or late against their own latency",
    ),
    "no policy": (
        lines(JOURNAL, lambda found: [found[0].replace('"policy"', '"other"'), *found[1:]]),
        "the journal has no entry `started` with the policy",
    ),
    "nothing says that the standby was proven": (
        unproven,
        "no record shows its container",
    ),
    "no cpu.csv": (remove(CPU), "cpu.csv"),
    "400 of 2400 requests without an end": (
        content(GENERATOR, begun_requests=2400, unfinished_requests=400),
        "400 requests had no end when the load was ended, and have no row",
    ),
    "500 of 2000 rows missing": (
        rows(lambda found: found[:1500]),
        "the generator began 2000 requests and ended 2000; 1500 have a row",
    ),
    "every fourth row missing": (
        rows(lambda found: [row for number, row in enumerate(found) if number % 4]),
        "500 requests of the load in HAProxy's log have no row in requests.csv",
    ),
    "rows twice": (
        rows(lambda found: found + found[:3]),
        "3 rows of requests.csv have the id of another row",
    ),
    "rows twice, and as many missing": (
        rows(lambda found: found[3:] + found[10:13]),
        "3 rows of requests.csv have the id of another row",
    ),
    "two lines of HAProxy's of one request that differ": (
        lines(HAPROXY_LOG, another_line),
        "1 requests have two lines in HAProxy's log that are not the same",
    ),
    "no generator.json": (remove(GENERATOR), "the generator ended before its run was over"),
    "no haproxy.jsonl": (remove(HAPROXY_LOG), "haproxy.jsonl is missing"),
    "lines of HAProxy's missing": (
        lines(HAPROXY_LOG, lambda found: found[:800] + found[820:]),
        "20 requests that were answered have no line in HAProxy's log",
    ),
    "no predictor.jsonl": (remove(PREDICTOR_LOG), "predictor.jsonl is missing"),
    "lines of a server missing while it lived": (
        without_lines_of("predictor-2", 30, 31),
        "requests that predictor-2 answered have no line in its log, and it did not die then",
    ),
    "lines of another server missing when one died": (
        without_lines_of("predictor-2", 9.9, 10.2),
        "requests that predictor-2 answered have no line in its log, and it did not die then",
    ),
    **{
        f"lines missing under the fault {fault}, which ends no process": (
            struck_by(fault),
            "requests that predictor-1 answered have no line in its log, and it did not die then",
        )
        for fault in ("latency", "cpu_cut", "unready", "errors", "pause", "cut_off")
    },
    "no samples": (remove(SAMPLES), "samples.jsonl is missing"),
    "samples with a gap": (
        lines(SAMPLES, lambda found: found[:60] + found[100:]),
        "samples.jsonl has nothing from",
    ),
    "samples that end early": (
        lines(SAMPLES, lambda found: found[:100]),
        "samples.jsonl has nothing from",
    ),
    "no faults.jsonl": (remove(FAULTS), "faults.jsonl is missing"),
    "a planned fault without a record": (
        lines(FAULTS, lambda _: []),
        "faults.jsonl has no injection of kill at predictor-1, which was planned",
    ),
    "a planned fault without an effect": (
        lines(FAULTS, lambda found: [found[0], found[2]]),
        "faults.jsonl has no effect of kill at predictor-1, which was planned",
    ),
    "one of two planned faults without a record": (
        content(SETTINGS_FILE, plan={"strokes": [{"fault": "kill", "targets": ["predictor-1"]}] * 2}),
        "faults.jsonl has 1 of 2 injections of kill at predictor-1, which was planned",
    ),
    "no load around the fault": (without_requests(10.5, 25), "no request was due from"),
    "a load that ended before the fault was over": (without_requests(12, 99), "the load ended at"),
    "a load that began after the fault": (without_requests(-1, 10.02), "the load began at"),
    "no load at all": (without_requests(-1, 99), "no request was sent"),
    "clients that left": (
        changed(failure="client_gone", status="0", error="gone", probability="", placement=""),
        "200 requests were broken off by their client",
    ),
    "replies without their prediction": (
        changed(probability=""),
        "200 answered requests have no prediction in requests.csv",
    ),
    "fewer right answers than bodies": (
        content(ANSWERS, probabilities=[RIGHT], placements=[False]),
        "answers.json has no right answer to 2000 of the requests",
    ),
    "services without their times": (
        content(SETTINGS_FILE, service={"predictor-2": {"kind": "emulated", "service_ms": 20.0}}),
        "predictor.jsonl does not tell how long",
    ),
    "no collected.json": (remove(COLLECTED), "collected.json is missing"),
    "a log that was rotated": (
        lambda folder: write_json(
            folder / COLLECTED, [{"service": "haproxy", "missing": "the log of haproxy was rotated"}]
        ),
        "the log of haproxy was rotated",
    ),
    "no right answers": (remove(ANSWERS), "answers.json is missing: wrong answers cannot be recognised"),
    "no state at the start": (
        content(SETTINGS_FILE, state_start=None),
        "settings.json has no state at the start",
    ),
    "no state at the end": (
        content(SETTINGS_FILE, state_end="the controller does not answer"),
        "settings.json has no state at the end",
    ),
    "no settings.json": (remove(SETTINGS_FILE), "settings.json is missing"),
    "no requests.csv": (remove(REQUESTS), "requests.csv is missing"),
    "a requests.csv of another version": (
        lines(REQUESTS, lambda found: [line.rpartition(",")[0] for line in found]),
        "cannot be read",
    ),
    "no load.json": (remove(LOAD), "load.json"),
}


def test_an_experiment_with_all_its_records_is_met(whole: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(whole, tmp_path / "run")
    made = verdict(folder)
    assert (made.verdict, made.exposure["total"]["saved_by_retry"]) == ("met", 3), made.because


@pytest.mark.parametrize("case", CASES)
def test_an_experiment_without_a_part_of_its_records_is_invalid_and_says_why(
    case: str, whole: Path, tmp_path: Path
) -> None:
    change, words = CASES[case]
    folder = shutil.copytree(whole, tmp_path / "run")
    change(folder)
    made = verdict(folder)
    assert made.verdict == "invalid", made.because
    assert any(words in reason for reason in made.because), made.because


@pytest.mark.parametrize(
    "fault", ["kill", "crash", "crash_loop", "memory", "stop", "restart", "rolling_restart"]
)
def test_lines_that_a_process_took_with_it_when_a_fault_ended_it_are_expected(
    fault: str, whole: Path, tmp_path: Path
) -> None:
    folder = shutil.copytree(whole, tmp_path / "run")
    struck_by(fault)(folder)
    made = verdict(folder)
    assert made.verdict == "met", made.because


def test_lines_long_after_a_death_are_not_excused_by_it(whole: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(whole, tmp_path / "run")
    without_lines_of("predictor-1", 14, 15)(folder)
    assert verdict(folder).verdict == "invalid"


def test_damage_that_was_counted_is_not_excused_by_a_row_that_is_missing(whole: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(whole, tmp_path / "run")
    lost = {"failure": "error", "status": "0", "error": "timed out", "server": ""}
    changed(**lost, probability="", placement="")(folder)
    content(GENERATOR, begun_requests=SENT + 1, unfinished_requests=1)(folder)
    made = verdict(folder)
    assert made.verdict == "not met", made.because
    assert any("1 requests had no end" in reason for reason in made.because), made.because
