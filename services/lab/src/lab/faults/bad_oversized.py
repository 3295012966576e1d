"""Sends bodies that are too large, with a length and without; nothing of them should be read to the end."""

import random
from typing import Any

from lab.faults import CLIENT, TOOL, Context, Parameter, Parameters, _bad_input, _work

HELP = "send bodies over the size limit (expected: 413)"
DETAIL = "oversized bodies"
PLACES = (CLIENT,)
PARAMETERS = {
    "megabytes": Parameter(4, "MB", 0.1, 100, "how large a body is"),
    **_bad_input.PACED,
}
ENDS = True
LIMIT = TOOL

NAME = "bad_oversized"
CHUNK = 65_536


def inject(context: Context, target: str, parameters: Parameters) -> None:
    """Begin to send."""
    size = int(parameters["megabytes"] * 1_000_000)

    def make(draw: random.Random) -> _bad_input.Bad:
        if draw.random() < 0.5:  # noqa: PLR2004 - half of them
            return _bad_input.Bad("with a length", b" " * size)
        return _bad_input.Bad("chunked", lambda: _bad_input.chunks(CHUNK, size))

    _bad_input.inject(context, NAME, target, parameters, make)


def undo(context: Context, target: str, _: Parameters) -> None:
    """Send no more, and wait for the reply that is due."""
    _work.end(context, NAME, target)


def took_effect(context: Context, target: str, _: Parameters) -> bool:
    """Tell whether something came back."""
    return _work.begun(context, NAME, target)


def ended(context: Context, target: str, _: Parameters) -> bool:
    """Tell whether no more is sent."""
    return _work.over(context, NAME, target)


def report(context: Context, target: str) -> dict[str, Any]:
    """Return how many were sent, and how many replies of each status came."""
    return _work.found(context, NAME, target)
