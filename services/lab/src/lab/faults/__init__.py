"""The faults that can be done to the lab: one fault, one file of lab.faults.kinds.

No list names them. A file defines an instance of a fault, FAULT. contract.py says what a fault is,
docs/faults.md how to write one.

    kill = faults.load("kill")
    injection = kill.at(context, "predictor-1")
    with kill.lasting(injection) as inject:     # whatever happens in the block, the fault ends
        inject()
        kill.took_effect(injection)
"""

from __future__ import annotations

import difflib
import importlib
import pkgutil

from lab.errors import LabError
from lab.faults import kinds
from lab.faults.contract import Fault


def names() -> tuple[str, ...]:
    """Return the names of the faults."""
    return tuple(sorted(module.name for module in pkgutil.iter_modules(kinds.__path__)))


def load(name: str) -> Fault:
    """Return a fault by name (`-` counts as `_`); raise LabError with the valid names."""
    module = name.replace("-", "_")
    if module not in names():
        close = difflib.get_close_matches(module, names(), n=1)
        raise LabError(
            f"no fault {name!r}; expected one of: {', '.join(names())}",
            cause=f"a typing error: {close[0]!r} comes close" if close else "",
        )
    fault = importlib.import_module(f"{kinds.__name__}.{module}").FAULT
    if not isinstance(fault, Fault):
        raise LabError(f"FAULT in lab/faults/kinds/{module}.py is no Fault")
    fault.name = module
    return fault
