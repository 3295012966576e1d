"""The faults that can be done to a server: one fault, one file; a new file is found without a list.

A fault is a module of this package with

    HELP                            one line for a person
    DETAIL                          how it is done, a few words for the timeline
    ENDS                            True if it has to be ended by undo(); False if it is over once it is done
    inject(engine, server)          does it
    undo(engine, server)            ends it and makes sure that it is over; harmless where it is over already

Both raise UnreachableError if Docker refuses. `lasting` is the way to use one that has to be ended: it holds
even if this process dies.
"""

import contextlib
import importlib
import pkgutil
import subprocess
import sys
from collections.abc import Iterator
from typing import Protocol, cast

from lab.engine import Engine
from lab.errors import LabError


class Fault(Protocol):
    """What a module of this package offers."""

    HELP: str
    DETAIL: str
    ENDS: bool

    def inject(self, engine: Engine, server: str) -> None:
        """Do it."""

    def undo(self, engine: Engine, server: str) -> None:
        """End it, and make sure that it is over."""


def names() -> tuple[str, ...]:
    """List the faults."""
    return tuple(sorted(module.name for module in pkgutil.iter_modules(__path__)))


def load(name: str) -> Fault:
    """Import a fault by name; raise LabError with the valid names."""
    if name not in names():
        raise LabError(f"no fault {name!r}; expected one of: {', '.join(names())}")
    return cast("Fault", importlib.import_module(f"{__name__}.{name}"))


@contextlib.contextmanager
def lasting(name: str, engine: Engine, server: str, limit_s: float) -> Iterator[None]:
    """Guard a fault for a while: it ends on the way out, on errors, on Ctrl-C, and after `limit_s` anyway.

    The caller injects. The guard is a process of its own, outside the terminal's process group, so that
    neither Ctrl-C nor the death of this process leaves the fault behind; it is ready before the caller is.
    If the whole container dies with both, the controller restarts a server that stays unready.
    """
    fault = load(name)
    command = [sys.executable, "-m", "lab.watchdog", name, server, str(limit_s), engine.url, engine.project]
    with subprocess.Popen(  # noqa: S603 - our own module
        command, bufsize=0, stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True
    ) as watchdog:
        if (
            watchdog.stdin is None
            or watchdog.stdout is None
            or watchdog.stdout.readline().strip() != b"ready"
        ):
            raise LabError(
                f"the watchdog that ends the fault {name} did not start; nothing was done to {server}"
            )
        try:
            yield
        finally:
            fault.undo(engine, server)
            # Told only once the end is verified: had undo() raised, the watchdog would still try.
            with contextlib.suppress(BrokenPipeError):  # it has ended the fault itself, and is gone
                watchdog.stdin.write(b"over\n")
