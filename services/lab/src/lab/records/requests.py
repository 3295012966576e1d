"""requests.csv: a row per request of the load, written by the generator and read along."""

import csv
from collections.abc import Iterator
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TextIO

PROBE_PREFIX = "probe-"
"""Ids begin so of the requests that see whether predictions are answered at all, before a load."""


@dataclass(frozen=True, slots=True)
class Request:
    """A row of requests.csv.

    `failure` is last and never empty: a row that was cut off shows as such.
    """

    request_id: str  # also in HAProxy's and the predictor's log
    scheduled_s: float  # when it was due; Unix time, UTC
    sent_s: float  # when it was sent; Unix time, UTC
    latency_ms: float  # from due to the reply's end: what a client waits that is not slowed by others
    service_ms: float  # from sent to the reply's end
    status: int  # HTTP status; 0: no reply
    server: str  # X-Served-By; empty: no reply, or one without the header
    error: str  # why a reply is no prediction, if the failure is refused or error; else empty
    body: int  # which of the run's request bodies was sent: its place in bodies.json
    probability: float | None  # what was answered; None, an empty field, for a reply that is no prediction
    placement: bool | None  # the same, of the decision
    failure: str  # lab.records.classes says which there are


COLUMNS = tuple(field.name for field in fields(Request))


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
        placement = "" if row.placement is None else str(row.placement).lower()
        answer = (row.status, row.server, row.error, row.body, probability, placement)
        self._writer.writerow((row.request_id, *times, *answer, row.failure))

    def flush(self) -> None:
        """Hand the rows to the operating system."""
        self._file.flush()

    def close(self) -> None:
        """Flush and close."""
        self._file.close()


def parse_row(row: list[str]) -> Request:
    """Turn a row of requests.csv into a Request."""
    request_id, scheduled, sent, latency, service, *seen, probability, placement, failure = row
    durations = (float(scheduled), float(sent), float(latency), float(service))
    status, server, error, body = seen
    return Request(
        request_id,
        *durations,
        int(status),
        server,
        error,
        int(body),
        float(probability) if probability else None,
        placement == "true" if placement else None,
        failure,
    )


class RequestReader:
    """Reads requests.csv along while it grows.

    Each call of `new` yields the rows added since the last.
    """

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
