"""What a load test saves: the files of a result folder, their columns, and how they are read back.

requests.csv    a row per request, written when its reply came (or it was given up)
cpu.csv         a row per second: the machine's idle CPU, the generator's share of a core
generator.json  how the generator itself fared: requests begun, in progress, unfinished
settings.json   settings, versions, containers, the controller's state before and after
summary.json    the numbers; `lab report` makes them again from the other files
answers.json    optional: the right answer to each body, learnt before the load (lab.answers)
haproxy.jsonl, predictor.jsonl, journal.jsonl, faults.jsonl, samples.jsonl, collected.json
                of an experiment: docs/ledger.md and docs/results.md say what is in them
locust_*.csv, locust.html   Locust's own records, log included
"""

import csv
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass, fields
from datetime import datetime
from pathlib import Path
from typing import Any, TextIO

from lab.errors import RecordsError

REQUESTS, CPU, GENERATOR = "requests.csv", "cpu.csv", "generator.json"
SETTINGS_FILE, SUMMARY = "settings.json", "summary.json"
HAPROXY_LOG, HAPROXY_MESSAGES, PREDICTOR_LOG = "haproxy.jsonl", "haproxy.txt", "predictor.jsonl"
JOURNAL, FAULTS, SAMPLES = "journal.jsonl", "faults.jsonl", "samples.jsonl"
COLLECTED, SCENARIO = "collected.json", "scenario.yaml"
VERDICT, LEDGER, BUDGET, INVARIANTS = "verdict.json", "ledger.json", "budget.json", "invariants.json"

NONE, REFUSED, ERROR, LATE = "none", "refused", "error", "late"
FAILURES = (REFUSED, ERROR, LATE)
REFUSAL_STATUSES = frozenset({429, 503})
CPU_COLUMNS = ("time_s", "idle_percent", "generator_percent")


@dataclass(frozen=True, slots=True)
class Request:
    """A row of requests.csv. `failure` is last and never empty: a row that was cut off shows as such."""

    request_id: str  # also in HAProxy's and the predictor's log
    scheduled_s: float  # when it was due; Unix time, UTC
    sent_s: float  # when it was sent; Unix time, UTC
    latency_ms: float  # from due to the reply's end: what a client waits that is not slowed by others
    service_ms: float  # from sent to the reply's end
    status: int  # HTTP status; 0: no reply
    server: str  # X-Served-By; empty: no reply, or one without the header
    error: str  # why a reply is no prediction, if the failure is refused or error; else empty
    body: int  # which of the run's request bodies was sent: its place in lab.candidates.bodies
    probability: float | None  # what was answered; None, an empty field, for a reply that is no prediction
    failure: str  # none, refused, error, late


COLUMNS = tuple(field.name for field in fields(Request))


def classify(status: int, *, sound: bool, latency_ms: float, limit_ms: float) -> str:
    """Name the kind of failure; `sound` tells whether a reply of status 200 is a prediction."""
    if status in REFUSAL_STATUSES:
        return REFUSED
    if status != 200 or not sound:  # noqa: PLR2004 - HTTP's OK
        return ERROR
    return LATE if latency_ms > limit_ms else NONE


class RequestWriter:
    """Appends rows to requests.csv; `flush` makes them visible to who reads along."""

    def __init__(self, path: Path) -> None:
        self._file: TextIO = path.open("x", newline="", encoding="utf-8")
        self._writer = csv.writer(self._file, lineterminator="\n")
        self._writer.writerow(COLUMNS)
        self.flush()

    def write(self, row: Request) -> None:
        """Append one row (times to the microsecond, durations to a thousandth of a millisecond)."""
        times = (
            f"{row.scheduled_s:.6f}",
            f"{row.sent_s:.6f}",
            f"{row.latency_ms:.3f}",
            f"{row.service_ms:.3f}",
        )
        probability = "" if row.probability is None else f"{row.probability:.9g}"
        answer = (row.status, row.server, row.error, row.body, probability)
        self._writer.writerow((row.request_id, *times, *answer, row.failure))

    def flush(self) -> None:
        """Hand the rows to the operating system."""
        self._file.flush()

    def close(self) -> None:
        """Flush and close."""
        self._file.close()


def parse_row(row: list[str]) -> Request:
    """Turn a row of requests.csv into a Request."""
    request_id, scheduled, sent, latency, service, status, server, error, body, probability, failure = row
    durations = (float(scheduled), float(sent), float(latency), float(service))
    answer = float(probability) if probability else None
    return Request(request_id, *durations, int(status), server, error, int(body), answer, failure)


class RequestReader:
    """Reads requests.csv along while it grows: each call of `new` yields the rows added since the last."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._offset = 0
        self._rest = ""

    def new(self) -> Iterator[Request]:
        """Yield the complete rows that were added since the last call."""
        try:
            with self._path.open(encoding="utf-8") as file:
                file.seek(self._offset)
                text = self._rest + file.read()
                self._offset = file.tell()
        except FileNotFoundError:
            return
        complete, _, self._rest = text.rpartition("\n")
        for row in csv.reader(complete.splitlines()):
            if row and row[0] != COLUMNS[0]:
                yield parse_row(row)


def new_folder(parent: Path, now: datetime, topology: str) -> Path:
    """Make an empty result folder, `<UTC time>-<topology>`; one that exists is never used again."""
    stem = f"{now:%Y%m%dT%H%M%SZ}-{topology}"
    for number in range(1, 100):
        folder = parent / (stem if number == 1 else f"{stem}-{number}")
        try:
            folder.mkdir(parents=True)
        except FileExistsError:
            continue
        except OSError as error:
            raise RecordsError(
                f"{folder} cannot be made: {error.strerror}",
                cause="the results folder belongs to another user, or was made by the Docker daemon",
                remedy="make the folder results/ yours (chown), or delete it where it is empty",
            ) from error
        return folder
    raise RecordsError(f"{parent} holds 99 results named {stem}")


def write_json(path: Path, content: Any) -> None:
    """Write a JSON file so that a reader sees the old content or the new, never a part."""
    partial = path.with_name(path.name + ".part")
    partial.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    os.replace(partial, path)  # noqa: PTH105 - the name says what it is for


def read_json(path: Path) -> Any:
    """Read a JSON file of a result folder."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise RecordsError(
            f"{path} is missing",
            cause="this is not a result folder of `make loadtest`, or its run never got going",
            remedy="name a folder below results/ that holds it",
        ) from error
    except json.JSONDecodeError as error:
        raise RecordsError(f"{path} is not JSON: {error}", remedy="take another result folder") from error


def json_object(line: str) -> dict[str, Any] | None:
    """Return a line's JSON object; None if it holds none."""
    try:
        raw = json.loads(line)
    except json.JSONDecodeError:
        return None
    return raw if isinstance(raw, dict) else None


def json_lines(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the objects of a file of JSON lines; other lines, and one that was cut off, are left out."""
    if not path.is_file():
        return
    with path.open(encoding="utf-8", errors="replace") as file:
        for line in file:
            if (raw := json_object(line)) is not None:
                yield raw
