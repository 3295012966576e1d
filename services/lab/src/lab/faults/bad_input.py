"""What the faults from the client's side share.

A bounded number of bad requests, and what came back.

They go to LAB_TARGET beside the load, each with a request id that begins with `bad-`. They are made
from what the load sends (bodies.json), so that they fit whatever model is served. Each is a line of
bad_input.jsonl: time (epoch s), fault, request_id, what, bytes, status (0: no reply), server,
error, took_ms.
"""

from __future__ import annotations

import json
import random
import time
import uuid
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import httpx

from hadr.contract import REQUEST_ID, SERVED_BY
from lab.faults.contract import (
    CLIENT,
    DURATION,
    TOOL,
    Context,
    Injection,
    Parameter,
    Parameters,
    Work,
    duration,
)
from lab.faults.work import WorkFault
from lab.load import bodies
from lab.records.folder import BODIES

RECORDS = "bad_input.jsonl"
TIMEOUT_S = 10.0


@dataclass(frozen=True)
class Bad:
    """A bad request. `body` may be made while it is sent; then it has no length (chunked)."""

    what: str
    body: bytes | Callable[[], Iterable[bytes]]


Maker = Callable[[random.Random, Parameters, str], Bad]
"""Makes a bad request from a good one: random, the fault's parameters, the good one's body."""


class BadInput(WorkFault):
    """Bad requests, one after the other, at a rate.

    A slow reply makes it slower, never more at once.
    """

    def __init__(self, detail: str, make: Maker, **parameters: Parameter) -> None:
        super().__init__(detail, places=(CLIENT,), limit=TOOL)
        self.parameters = {
            **parameters,
            "requests": Parameter(50, "requests", 1, 10_000, "how many are sent at the most"),
            "rate": Parameter(10, "requests/s", 0.1, 200, "how fast"),
            DURATION: duration(),
        }
        self._make = make

    def why_not(self, injection: Injection) -> str:
        """Return why there is nothing to make bad requests from; empty if there is."""
        folder = injection.context.folder
        if folder is None or not (folder / BODIES).is_file():
            return f"{self.name} is made from what the load sends, and there is no load"
        return super().why_not(injection)

    def do(self, injection: Injection, work: Work) -> None:
        """Send them until there are enough, or the time is over."""
        given, context = injection.given, injection.context
        good = bodies.load(context.folder) if context.folder else []
        draw = random.Random(self.name)  # noqa: S311 - the same requests each time
        work.report |= {"sent": 0, "statuses": {}}
        started = time.monotonic()
        with httpx.Client(timeout=TIMEOUT_S, trust_env=False, verify=False) as http:  # noqa: S501 - no TLS
            for number in range(int(given["requests"])):
                due = started + number / given["rate"]
                if work.stop.wait(max(0.0, due - time.monotonic())):
                    return
                if time.monotonic() - started > given[DURATION]:
                    return
                row = _send(http, context.target_url, self._make(draw, given, draw.choice(good)))
                count(work, record(context, self.name, row))


def _send(http: httpx.Client, url: str, bad: Bad) -> dict[str, object]:
    """Send a request, return what came back."""
    body = bad.body if isinstance(bad.body, bytes) else bad.body()
    row: dict[str, object] = {"time": time.time(), "request_id": f"bad-{uuid.uuid4()}", "what": bad.what}
    row["bytes"] = len(body) if isinstance(body, bytes) else None
    headers = {REQUEST_ID: str(row["request_id"]), "Content-Type": "application/json"}
    started = time.perf_counter()
    try:
        reply = http.post(f"{url}/predict", content=body, headers=headers)
    except httpx.HTTPError as error:
        row |= {"status": 0, "server": "", "error": type(error).__name__}
    else:
        row |= {"status": reply.status_code, "server": reply.headers.get(SERVED_BY, ""), "error": ""}
    return row | {"took_ms": round((time.perf_counter() - started) * 1000, 3)}


def record(context: Context, name: str, row: dict[str, object]) -> dict[str, object]:
    """Write the line; return the row."""
    row = {"time": row["time"], "fault": name, **row}
    if context.folder is not None:
        with (context.folder / RECORDS).open("a", encoding="utf-8") as file:
            file.write(json.dumps(row) + "\n")
    return row


def count(work: Work, row: dict[str, object]) -> None:
    """Count the reply by its status; only one that came is an effect."""
    statuses = dict(work.report["statuses"])
    key = str(row["status"] or "no reply")
    statuses[key] = statuses.get(key, 0) + 1
    work.report |= {"sent": work.report["sent"] + 1, "statuses": statuses}
    if row["status"]:
        work.begun.set()
