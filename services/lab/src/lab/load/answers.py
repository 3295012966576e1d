"""What a reply says, and whether it is right.

A reply of status 200 can be wrong, and only a comparison shows it: the model is deterministic, and each
server of a topology serves the same one. So before faults are injected each body of the run is asked, twice,
while the system is steady (two servers, as a rule); what both say is the right answer, kept in answers.json.
Later answers to the same body are compared with it. The bodies go in lists, which costs little.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from lab import records
from lab.errors import NotSteadyError, UnreachableError
from lab.load import candidates

ANSWERS = "answers.json"
TOLERANCE = 1e-3
"""Answers have four decimals; another model, or a fault, differs by far more."""
ID_PREFIX = "calibration-"
"""Ids of these requests begin so: they are not of the load, and the ledger leaves them out."""
LIST_LENGTH = 10
TIMEOUT_S = 10.0
PATIENCE_S, PAUSE_S = 10.0, 0.1
BUSY = frozenset({429, 503, 504})
OK = 200


@dataclass(frozen=True, slots=True)
class Reply:
    """What a reply to a single candidate says: a probability, or why it is no prediction."""

    error: str
    probability: float | None


def read_reply(status: int, content: bytes | None, error: BaseException | None) -> Reply:
    """Read a reply; its `error` says in a few words what is wrong with it, empty for a prediction."""
    if error is not None:
        return Reply(f"{type(error).__name__}: {error}", None)
    if status != OK:
        return Reply(f"status {status}", None)
    try:
        said = json.loads(content or b"")
    except (ValueError, RecursionError):
        return Reply("body is not JSON", None)
    return _read(said)


def _read(said: Any) -> Reply:
    if not isinstance(said, dict) or not isinstance(said.get("Placement"), bool):
        return Reply("body has no Placement", None)
    probability = said.get("Placement_Probability")
    if isinstance(probability, bool) or not isinstance(probability, float | int) or not 0 <= probability <= 1:
        return Reply("body has no Placement_Probability from 0 to 1", None)
    return Reply("", float(probability))


def learn(target_url: str, seed: int, say: Callable[[str], None] = lambda _: None) -> dict[str, Any]:
    """Ask for the right answer to each body of a run with this seed; return the content of answers.json.

    Raise UnreachableError if the system does not predict, NotSteadyError if two answers differ.
    """
    bodies = candidates.bodies(candidates.BODIES, seed)
    say(f"learning the right answers to {len(bodies)} requests")
    # At the same time: two servers then answer side by side, where there are two.
    with (
        httpx.Client(base_url=target_url, timeout=TIMEOUT_S, trust_env=False) as http,
        ThreadPoolExecutor(2) as pool,
    ):
        first, second = pool.map(lambda turn: list(_ask(http, bodies, turn)), (1, 2))
    for number, (one, other) in enumerate(zip(first, second, strict=True)):
        if not math.isclose(one, other, abs_tol=TOLERANCE):
            raise NotSteadyError(
                f"request body {number} was answered with {one:g} and with {other:g}",
                cause="a server answers wrongly, or the servers serve different models",
                remedy="make up again, then start again",
            )
    return {"seed": seed, "tolerance": TOLERANCE, "probabilities": first}


def _ask(http: httpx.Client, bodies: Sequence[str], turn: int) -> Iterator[float]:
    """Yield the answers to the bodies, in their order."""
    for start in range(0, len(bodies), LIST_LENGTH):
        part = bodies[start : start + LIST_LENGTH]
        headers = {"Content-Type": "application/json", "X-Request-ID": f"{ID_PREFIX}{turn}-{start}"}
        try:
            reply = _answered(http, f"[{', '.join(part)}]", headers)
            said = [_read(each) for each in reply.json()]
        except (httpx.HTTPError, ValueError, TypeError) as error:
            raise UnreachableError(
                f"{http.base_url}/predict did not answer a list of {len(part)}: {error}",
                cause="no server is ready, or other load is running",
                remedy="make up; if it is up already: make ps, make logs SERVICE=haproxy",
            ) from error
        found = [each.probability for each in said if each.probability is not None]
        if len(found) != len(part):
            raise UnreachableError(f"{http.base_url}/predict answered {len(found)} of a list of {len(part)}")
        yield from found


def _answered(http: httpx.Client, content: str, headers: dict[str, str]) -> httpx.Response:
    """Post until it is answered: a single server at work on the other turn's list may refuse this one."""
    deadline = time.monotonic() + PATIENCE_S
    while True:
        reply = http.post("/predict", content=content, headers=headers)
        if reply.status_code not in BUSY or time.monotonic() >= deadline:
            return reply.raise_for_status()
        time.sleep(PAUSE_S)


def save(folder: Path, learnt: dict[str, Any]) -> None:
    """Write answers.json."""
    records.write_json(folder / ANSWERS, learnt)


def load(folder: Path) -> tuple[list[float], float] | None:
    """Return the right answers by body, and the tolerance; None if they were not learnt."""
    if not (folder / ANSWERS).is_file():
        return None
    said = records.read_json(folder / ANSWERS)
    return [float(each) for each in said["probabilities"]], float(said["tolerance"])
