"""The faults that can be done to the lab: one fault, one file; a new file is found without a list.

A fault is a module of lab.faults.kinds with

    HELP          one line for a person
    DETAIL        how it is done, a few words for the timeline
    PLACES        where it can be done: SERVER, CONTROLLER, HAPROXY, DOCKER_PROXY, CLIENT
    PARAMETERS    name -> Parameter: default, unit, bounds
    ENDS          True if it has to be ended by undo(); False if others repair what it did to a server
    LIMIT         who ends it in any case: PREDICTOR, WATCHDOG, TOOL or REPAIR
    inject(context, target, parameters)      does it; returns at once, whatever it takes to go on
    undo(context, target, parameters)        ends it and makes sure that it is over; harmless where it is over
    took_effect(context, target, parameters) -> bool    whether it is seen to be in force, or to have been
    ended(context, target, parameters) -> bool          whether it is seen to be over
    why_not(context, target, parameters) -> str         optional: why it cannot be done here; empty: it can
    failed(context, target) -> str                      optional: why work of its own has failed; empty: not
    report(context, target) -> dict                     optional: what it found out, for the records

`parameters` are those of complete(). All raise LabError. `lasting` is the way to use one: it holds even if
this process dies. docs/faults.md shows how to write one.
"""

from __future__ import annotations

import contextlib
import difflib
import importlib
import pkgutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol, cast

import httpx

from lab.errors import LabError
from lab.faults import kinds
from lab.faults.guard import Guard
from lab.parts.docker import Engine

SERVER, CONTROLLER, HAPROXY, DOCKER_PROXY, CLIENT = (
    "server",
    "controller",
    "haproxy",
    "docker-proxy",
    "client",
)
PLACES = (SERVER, CONTROLLER, HAPROXY, DOCKER_PROXY, CLIENT)

PREDICTOR = "predictor"
"""The predictor counts the seconds itself: the end needs nobody else."""
WATCHDOG = "watchdog"
"""A service of its own ends it when its owner dies or is late; see lasting()."""
TOOL = "tool"
"""It goes on only as long as this process works at it."""
REPAIR = "repair"
"""It is over once it is done: Docker or the controller repairs the server."""
LIMITS = (PREDICTOR, WATCHDOG, TOOL, REPAIR)

DURATION = "duration_s"
DURATION_MAX_S = 600.0
MARGIN_S = 10.0
"""The watchdog waits so much longer than the fault should last: its owner ends it, as a rule."""
HTTP_TIMEOUT_S = 5.0

Parameters = Mapping[str, float]


@dataclass(frozen=True)
class Parameter:
    """A number that a fault can be told. `minimum` and `maximum` are allowed values themselves."""

    default: float
    unit: str
    minimum: float
    maximum: float
    help: str

    def problem(self, value: object) -> str:
        """Return what is wrong with a value; empty if nothing is."""
        number = isinstance(value, int | float) and not isinstance(value, bool)
        if number and self.minimum <= cast("float", value) <= self.maximum:
            return ""
        return f"expected a number from {self.minimum:g} to {self.maximum:g} {self.unit}".rstrip()


def duration(default_s: float = 10.0) -> Parameter:
    """Make the parameter `duration_s` of a fault that lasts."""
    return Parameter(default_s, "s", 0.1, DURATION_MAX_S, "how long it lasts")


@dataclass(frozen=True)
class Context:
    """What faults work with.

    `target_url` is where clients send requests, `predictor_url` where a server is reached directly
    ({server} is its name), `watchdog` the service that ends faults (host:port). `folder`, if there is one,
    gets the records of faults that find something out. `memory` is for the faults alone: what inject() has to
    tell took_effect(), by fault and target.
    """

    engine: Engine
    target_url: str = "http://haproxy:8000"
    predictor_url: str = "http://{server}:8000"
    watchdog: str = "watchdog:8406"
    folder: Path | None = None
    memory: dict[tuple[str, str], Any] = field(default_factory=dict, repr=False, compare=False)

    def http(self, server: str, timeout_s: float = HTTP_TIMEOUT_S) -> httpx.Client:
        """Return a client for a predictor itself, past HAProxy; without TLS to set up it costs 1 ms."""
        url = self.predictor_url.format(server=server)
        return httpx.Client(base_url=url, timeout=timeout_s, trust_env=False, verify=False)  # noqa: S501 - no TLS

    @contextlib.contextmanager
    def apart(self) -> Iterator[Context]:
        """Give a context with its own connection to Docker, for another thread."""
        with Engine(self.engine.url, self.engine.project) as engine:
            yield replace(self, engine=engine)


class Fault(Protocol):
    """What a module of this package offers."""

    HELP: str
    DETAIL: str
    PLACES: tuple[str, ...]
    PARAMETERS: dict[str, Parameter]
    ENDS: bool
    LIMIT: str

    def inject(self, context: Context, target: str, parameters: Parameters) -> None:
        """Do it."""

    def undo(self, context: Context, target: str, parameters: Parameters) -> None:
        """End it, and make sure that it is over."""

    def took_effect(self, context: Context, target: str, parameters: Parameters) -> bool:
        """Tell whether it is seen to be in force, or to have been."""

    def ended(self, context: Context, target: str, parameters: Parameters) -> bool:
        """Tell whether it is seen to be over."""


def names() -> tuple[str, ...]:
    """List the faults."""
    return tuple(sorted(module.name for module in pkgutil.iter_modules(kinds.__path__)))


def load(name: str) -> Fault:
    """Import a fault by name (`-` counts as `_`); raise LabError with the valid names."""
    module = name.replace("-", "_")
    if module not in names():
        close = difflib.get_close_matches(module, names(), n=1)
        raise LabError(
            f"no fault {name!r}; expected one of: {', '.join(names())}",
            cause=f"a typing error: {close[0]!r} comes close" if close else "",
        )
    return cast("Fault", importlib.import_module(f"{kinds.__name__}.{module}"))


def complete(name: str, given: Mapping[str, float] | None = None) -> dict[str, float]:
    """Return all parameters of a fault, the defaults where none is given; raise LabError for a bad one."""
    known = load(name).PARAMETERS
    for key, value in (given or {}).items():
        if key not in known:
            expected = ", ".join(known) or "none"
            raise LabError(f"the fault {name} has no parameter {key!r}; expected one of: {expected}")
        if problem := known[key].problem(value):
            raise LabError(f"fault {name}: {key} = {value!r}; {problem}")
    return {key: parameter.default for key, parameter in known.items()} | dict(given or {})


def place_of(target: str) -> str:
    """Return the kind of place that a target is; every name that is no other place is a server."""
    return target if target in PLACES[1:] else SERVER


def lasts(name: str, target: str) -> bool:
    """Tell whether a fault has to be ended. Nobody but its owner starts what is killed beside a server."""
    fault = load(name)
    return fault.ENDS or (fault.LIMIT == WATCHDOG and place_of(target) != SERVER)


def why_not(name: str, context: Context, target: str, parameters: Parameters) -> str:
    """Return why a fault cannot be done here, in a sentence; empty if it can."""
    fault = load(name)
    if place_of(target) not in fault.PLACES:
        return f"{name} cannot be done to {target}, only to: {', '.join(fault.PLACES)}"
    check = getattr(fault, "why_not", None)
    return str(check(context, target, parameters)) if check else ""


def report(name: str, context: Context, target: str) -> dict[str, Any]:
    """Return what a fault found out while it was in force; most find nothing out."""
    find = getattr(load(name), "report", None)
    return dict(find(context, target)) if find else {}


def failure(name: str, context: Context, target: str) -> str:
    """Return why a fault that works by itself for a while has failed; empty if it has not."""
    find = getattr(load(name), "failed", None)
    return str(find(context, target)) if find else ""


@contextlib.contextmanager
def lasting(
    name: str,
    context: Context,
    target: str,
    parameters: Parameters | None = None,
    limit_s: float | None = None,
) -> Iterator[Callable[[], None]]:
    """Give what injects a fault; it ends on the way out, on errors, on Ctrl-C, and after `limit_s` anyway.

    Where others repair what was done (see lasts()), the caller stays in the block until ended() says so:
    leaving undoes what is left. `limit_s` counts from the injection, and is MARGIN_S more than `duration_s`
    where it is not given. A fault that its predictor or its tool ends needs no more than that. For the others
    the watchdog, in a container of its own, is ready before the block begins: it ends the fault if this
    process, or its whole container, dies.
    """
    fault = load(name)
    given = complete(name, parameters)
    limit = given.get(DURATION, 0.0) + MARGIN_S if limit_s is None else limit_s
    with contextlib.ExitStack() as stack:
        guard = None
        if fault.LIMIT == WATCHDOG and lasts(name, target):
            guard = stack.enter_context(Guard(context.watchdog, _order(name, context, target, given, limit)))
        begun = False

        def inject() -> None:
            nonlocal begun
            if guard:
                guard.arm()
            begun = True
            fault.inject(context, target, given)

        try:
            yield inject
        finally:
            if begun:
                fault.undo(context, target, given)
                # Told only once the end is verified: had undo() raised, the watchdog would still try.
                if guard:
                    guard.over()


def _order(
    name: str, context: Context, target: str, parameters: Parameters, limit_s: float
) -> dict[str, Any]:
    """Return all that the watchdog has to know: it shares nothing with this process."""
    return {
        "fault": name,
        "target": target,
        "parameters": dict(parameters),
        "limit_s": limit_s,
        "docker_url": context.engine.url,
        "project": context.engine.project,
        "target_url": context.target_url,
        "predictor_url": context.predictor_url,
    }
