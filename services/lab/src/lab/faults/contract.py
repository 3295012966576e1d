"""What a fault is: the class of all of them, what its methods get, and its safe use."""

from __future__ import annotations

import contextlib
import math
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import httpx

from lab.errors import LabError
from lab.faults.guard import Guard
from lab.parts.docker import Engine

PLACES = ("server", "controller", "haproxy", "docker-proxy", "client")
SERVER, CONTROLLER, HAPROXY, DOCKER_PROXY, CLIENT = PLACES
CONTAINERS = PLACES[:4]

PREDICTOR = "predictor"
"""The predictor counts the seconds itself: the end needs nobody else."""
WATCHDOG = "watchdog"
"""A service of its own ends it when its owner dies or is late; see Fault.lasting()."""
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
    """A number that a fault can be told. `minimum` and `maximum` are allowed values themselves.

    `field` is its name in the predictor's PUT /faults, where that is another (see Switch).
    """

    default: float
    unit: str
    minimum: float
    maximum: float
    help: str
    field: str = ""

    def problem(self, value: object) -> str:
        """Return what is wrong with a value; empty if nothing is."""
        number = math.nan if isinstance(value, bool) or not isinstance(value, int | float) else value
        if self.minimum <= number <= self.maximum:
            return ""
        return f"expected a number from {self.minimum:g} to {self.maximum:g} {self.unit}".rstrip()


def duration(default_s: float = 10.0, help: str = "how long it lasts") -> Parameter:  # noqa: A002 - as above
    """Return the parameter `duration_s` of a fault that lasts."""
    return Parameter(default_s, "s", 0.1, DURATION_MAX_S, help)


@dataclass(frozen=True)
class Context:
    """What faults work with.

    `target_url` is where clients send requests, `predictor_url` where a server is reached directly
    ({server} is its name), `watchdog` the service that ends faults (host:port). `folder`, if there
    is one, gets the records of faults that find something out.
    """

    engine: Engine
    target_url: str = "http://haproxy:8000"
    predictor_url: str = "http://{server}:8000"
    watchdog: str = "watchdog:8406"
    folder: Path | None = None

    def http(self, server: str, timeout_s: float = HTTP_TIMEOUT_S) -> httpx.Client:
        """Return a client for a predictor itself, past HAProxy.

        Without TLS to set up it costs 1 ms.
        """
        url = self.predictor_url.format(server=server)
        return httpx.Client(base_url=url, timeout=timeout_s, trust_env=False, verify=False)  # noqa: S501 - no TLS

    @contextlib.contextmanager
    def apart(self) -> Iterator[Context]:
        """Give a context with its own connection to Docker, for another thread."""
        with Engine(self.engine.url, self.engine.project) as engine:
            yield replace(self, engine=engine)


@dataclass
class Work:
    """The work of a fault that goes on by itself for a while; see work.py.

    `report` is what it has learnt so far; `begun` says that it took effect, `error` what ended it
    early, and `raised` that undo() has raised that.
    """

    stop: threading.Event = field(default_factory=threading.Event)
    begun: threading.Event = field(default_factory=threading.Event)
    over: threading.Event = field(default_factory=threading.Event)
    report: dict[str, Any] = field(default_factory=dict)
    error: LabError | None = None
    raised: bool = False


@dataclass(eq=False)
class Injection:
    """A fault at one target: what its methods get, and what inject() leaves for later ones.

    `given` are all parameters of the fault. `struck_s` is when inject() began (epoch s, Docker's
    clock); infinity if it has not, or if another process did it: the watchdog knows nothing of
    that.
    """

    context: Context
    target: str
    given: Parameters
    struck_s: float = math.inf
    work: Work | None = None

    @property
    def engine(self) -> Engine:
        """Docker."""
        return self.context.engine

    def http(self) -> httpx.Client:
        """Return a client for the target, which is a predictor."""
        return self.context.http(self.target)


class Fault:
    """A fault, by default of servers, that lasts until undo(); the watchdog sees to its end.

    `name` is its file's, `detail` how it is done (a few words for the story), `places` where it can
    be done. `ends` is False if others repair what it did to a server; `limit` is who ends it in any
    case. What else is given by keyword is a Parameter of that name. All methods raise LabError.

    A subclass says at least how it is done (strike), ended (undo), and seen (took_effect, ended).
    """

    name = ""
    ends_process = False
    """Whether it ends a process of its target, which takes its last log lines with it."""

    def __init__(
        self,
        detail: str,
        *,
        places: tuple[str, ...] = (SERVER,),
        ends: bool = True,
        limit: str = WATCHDOG,
        **parameters: Parameter,
    ) -> None:
        self.detail = detail
        self.places = places
        self.ends = ends
        self.limit = limit
        self.parameters = parameters

    def strike(self, injection: Injection) -> None:
        """Do it; return at once, whatever it takes to go on."""

    def undo(self, injection: Injection) -> None:
        """End it and make sure that it is over; harmless where it is over."""

    def took_effect(self, injection: Injection) -> bool:
        """Return whether it is seen to be in force, or to have been."""
        return injection.struck_s < math.inf

    def ended(self, injection: Injection) -> bool:
        """Return whether it is seen to be over."""
        return self.took_effect(injection)

    def why_not(self, injection: Injection) -> str:
        """Return why it cannot be done here, in a sentence; empty if it can."""
        if place_of(injection.target) in self.places:
            return ""
        return f"{self.name} cannot be done to {injection.target}, only to: {', '.join(self.places)}"

    def failed(self, injection: Injection) -> str:  # noqa: ARG002 - for those who have work
        """Return why work of its own has ended early; empty if it has not."""
        return ""

    def report(self, injection: Injection) -> dict[str, Any]:  # noqa: ARG002 - for those who have work
        """Return what it learnt while it was in force; most learn nothing."""
        return {}

    def complete(self, given: Mapping[str, float] | None = None) -> dict[str, float]:
        """Return all parameters, the defaults where none is given; raise LabError for a bad one."""
        for key, value in (given or {}).items():
            if key not in self.parameters:
                expected = ", ".join(self.parameters) or "none"
                raise LabError(f"the fault {self.name} has no parameter {key!r}; expected one of: {expected}")
            if problem := self.parameters[key].problem(value):
                raise LabError(f"fault {self.name}: {key} = {value!r}; {problem}")
        return {key: parameter.default for key, parameter in self.parameters.items()} | dict(given or {})

    def at(self, context: Context, target: str, given: Mapping[str, float] | None = None) -> Injection:
        """Return what the methods need to do it to a target; raise LabError for a bad parameter."""
        return Injection(context, target, self.complete(given))

    def inject(self, injection: Injection) -> None:
        """Do it, now."""
        injection.struck_s = time.time()
        self.strike(injection)

    def lasts(self, target: str) -> bool:
        """Return whether it has to be ended.

        Only its owner starts again what is killed beside a server.
        """
        return self.ends or (self.limit == WATCHDOG and place_of(target) != SERVER)

    @contextlib.contextmanager
    def lasting(self, injection: Injection, limit_s: float | None = None) -> Iterator[Callable[[], None]]:
        """Give what injects it.

        It ends on the way out, on errors, on Ctrl-C, and after `limit_s` anyway.

        Where others repair what was done (see lasts()), the caller stays in the block until ended()
        says so: leaving undoes what is left. `limit_s` counts from the injection, and is MARGIN_S
        more than `duration_s` where it is not given. A fault that its predictor or its tool ends
        needs no more than that. For the others the watchdog, in a container of its own, is ready
        before the block begins: it ends the fault if this process, or its whole container, dies.
        """
        limit = injection.given.get(DURATION, 0.0) + MARGIN_S if limit_s is None else limit_s
        with contextlib.ExitStack() as stack:
            guard = None
            if self.limit == WATCHDOG and self.lasts(injection.target):
                guard = stack.enter_context(Guard(injection.context.watchdog, self._order(injection, limit)))
            begun = False

            def inject() -> None:
                nonlocal begun
                if guard:
                    guard.arm()
                begun = True
                self.inject(injection)

            try:
                yield inject
            finally:
                if begun:
                    self.undo(injection)
                    # Told only once the end is verified: had undo() raised, the watchdog would
                    # still try.
                    if guard:
                        guard.over()

    def _order(self, injection: Injection, limit_s: float) -> dict[str, Any]:
        """Return all that the watchdog has to know: it shares nothing with this process."""
        return {
            "fault": self.name,
            "target": injection.target,
            "parameters": dict(injection.given),
            "limit_s": limit_s,
            "docker_url": injection.engine.url,
            "project": injection.engine.project,
            "target_url": injection.context.target_url,
            "predictor_url": injection.context.predictor_url,
        }


def place_of(target: str) -> str:
    """Return the kind of place that a target is; every name that is no other place is a server."""
    return target if target in PLACES[1:] else SERVER
