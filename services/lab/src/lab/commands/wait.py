"""`lab wait`: waits until every server is healthy and in its place, then shows what comes next."""

from __future__ import annotations

import argparse
import time

from rich.text import Text

from lab.errors import UnreachableError
from lab.load import bodies
from lab.parts import predictors
from lab.parts.controller import Controller, State
from lab.report import terminal
from lab.settings import Settings

HELP = "wait until every server is healthy and in its place; print addresses, servers and next commands"

POLL_S = 0.2

NEXT_COMMANDS = (
    ("make loadtest", "ramp the load until requests fail; the rate at the first failure"),
    ("make chaos", "kill an active server and see what happens (LOAD=1 brings load)"),
    ("make watch", "servers and journal, live"),
    ("make stats", "the table above again"),
    ("make down", "stop, and leave nothing behind"),
)


def run(_args: argparse.Namespace, settings: Settings) -> int:
    """Wait; status 1 if the time is over before the system is steady."""
    with Controller(settings.controller_url) as controller:
        state, trouble = _wait(controller, settings)
    if state is None or not state.steady:
        _explain(state, trouble, settings)
        return 1
    terminal.show(Text("Ready.", style="bold green"), terminal.pairs(terminal.addresses(settings)), "")
    # Long lines: they are there to be copied.
    address = f"http://127.0.0.1:{settings.port}/predict"
    asking = [f"  curl {address}"]
    if body := _body(settings, state):
        asking.append(f"  curl -H 'Content-Type: application/json' -d '{body}' {address}")
    terminal.show(terminal.servers_table(state), "", Text("Try", style="bold"), *asking, "")
    terminal.show(Text("Next", style="bold"), terminal.pairs(NEXT_COMMANDS))
    return 0


def _body(settings: Settings, state: State) -> str:
    """Return a request body that the running model takes; empty if nobody says what it takes."""
    name = state.servers[0].name
    try:
        info = predictors.infos(settings.predictor_url, [name])[name]
    except UnreachableError:
        return ""
    return bodies.bodies(info.feature_schema, 1, settings.seed)[0]


def _wait(controller: Controller, settings: Settings) -> tuple[State | None, str]:
    """Poll until the system is steady or the time is over.

    Return the last state, and why there is none.
    """
    deadline = time.monotonic() + settings.wait_s
    with terminal.Progress(terminal.console()) as progress:
        while True:
            state, trouble = None, ""
            try:
                state = controller.state()
            except UnreachableError as error:
                trouble = error.message()
            if (state and state.steady) or time.monotonic() >= deadline:
                return state, trouble
            progress.show(what_is_missing(state))
            time.sleep(POLL_S)


def what_is_missing(state: State | None) -> str:
    """Return in one line what the waiting is for."""
    if state is None:
        return "Waiting for the controller"
    missing = [f"{server.name} ({server.health})" for server in state.servers if server.health != "up"]
    if missing:
        return f"Waiting for {', '.join(missing)}"
    return f"Waiting: {state.steady_reason or 'not steady yet'}"


def _explain(state: State | None, trouble: str, settings: Settings) -> None:
    """Say who is not healthy, why, and where to look."""
    terminal.show(Text(f"Not ready after {settings.wait_s:g} s.", style="bold red"))
    if state is None:
        terminal.show(trouble, "  look at: make ps; make logs SERVICE=controller")
        return
    terminal.show(terminal.servers_table(state))
    bad = [server for server in state.servers if server.health != "up"]
    for server in bad:
        why = server.reason or f"its container is {server.container}"
        look = f"  look at: make logs SERVICE={server.name}"
        terminal.show(f"{server.name} is {server.health}: {why}", look)
    if not bad:
        why = state.steady_reason or "the controller does not say why"
        terminal.show(why, "  look at: make logs SERVICE=controller; make watch")
