"""What has to be there before a load.

A steady system that answers, what is sent, and what is right.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import httpx

from hadr.contract import REQUEST_ID
from lab.errors import NotSteadyError, UnreachableError
from lab.load import answers, bodies
from lab.load.answers import Answers
from lab.load.oracle import Oracle
from lab.parts import predictors
from lab.parts.controller import UP, Controller, State
from lab.parts.predictors import Info
from lab.records.requests import PROBE_PREFIX
from lab.settings import Settings

POLL_S = 0.5
ANSWER_S = 5.0

Say = Callable[[str], None]


def check_target(url: str, body: str) -> None:
    """Make sure that predictions are answered before anything is measured.

    Raise UnreachableError.
    """
    headers = {"Content-Type": "application/json", REQUEST_ID: f"{PROBE_PREFIX}{uuid.uuid4().hex}"}
    remedy = "make up; if it is up already: make ps, make logs SERVICE=haproxy"
    try:
        reply = httpx.post(f"{url}/predict", content=body, headers=headers, timeout=ANSWER_S, trust_env=False)
    except httpx.HTTPError as error:
        raise UnreachableError(
            f"{url} does not answer: {error or type(error).__name__}",
            cause="the lab is not running",
            remedy=remedy,
        ) from error
    if not reply.is_success:
        raise UnreachableError(
            f"{url}/predict answers with status {reply.status_code}: {reply.text[:200]}",
            cause="no server is ready, or other load is running",
            remedy=remedy,
        )


def steady_state(settings: Settings, say: Say) -> State:
    """Return the controller's state once it is steady.

    Raise NotSteadyError if it does not become so.
    """
    until = time.monotonic() + settings.steady_wait_s
    reason = ""
    with Controller(settings.controller_url) as controller:
        while True:
            state = controller.state()
            if state.steady:
                return state
            if time.monotonic() >= until:
                bad = [
                    f"{one.name} is {one.health}: {one.reason}" for one in state.servers if one.health != UP
                ]
                raise NotSteadyError(
                    f"the system is not steady: {state.steady_reason or 'the controller does not say why'}",
                    cause="; ".join(bad) or "a standby still helps after other load",
                    remedy="wait until `make stats` shows each server in its place, then start again",
                )
            if state.steady_reason != reason:
                reason = state.steady_reason
                say(f"waiting until the system is steady: {reason}")
            time.sleep(POLL_S)


def servers(settings: Settings, state: State) -> dict[str, Info]:
    """Ask each server what it serves and how."""
    return predictors.infos(settings.predictor_url, (server.name for server in state.servers))


@dataclass(frozen=True)
class Prepared:
    """The bodies of a run, and the right answer to each."""

    bodies: list[str]
    answers: Answers

    def save(self, folder: Path) -> None:
        """Write bodies.json and answers.json: the generator sends what is in the one."""
        bodies.save(folder, self.bodies)
        answers.save(folder, self.answers)


def prepare(settings: Settings, servers: Mapping[str, Info], seed: int) -> Prepared:
    """Draw the bodies and know the answers.

    Raise a LabError if a server serves another model, or none.
    """
    oracle = Oracle(settings.model)
    oracle.check(servers)
    drawn = bodies.bodies(oracle.feature_schema, bodies.COUNT, seed)
    right = oracle.answers(drawn, seed)
    check_target(settings.target_url, drawn[0])
    return Prepared(drawn, right)
