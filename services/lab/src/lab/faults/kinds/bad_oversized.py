"""Sends bodies over the size limit, with a length and without.

Nothing of them should be read to the end.

Expected: 413.
"""

import random
from collections.abc import Iterator

from lab.faults.bad_input import Bad, BadInput
from lab.faults.contract import Parameter, Parameters

CHUNK = 65_536


def oversized(draw: random.Random, given: Parameters, _good: str) -> Bad:
    """Return a body of blanks; half of them have no length."""
    size = int(given["megabytes"] * 1_000_000)
    if draw.random() < 0.5:  # noqa: PLR2004 - half of them
        return Bad("with a length", b" " * size)
    return Bad("chunked", lambda: chunks(size))


def chunks(size: int) -> Iterator[bytes]:
    """Yield so many blanks in pieces."""
    for start in range(0, size, CHUNK):
        yield b" " * min(CHUNK, size - start)


FAULT = BadInput("oversized bodies", oversized, megabytes=Parameter(4, "MB", 0.1, 100, "how large a body is"))
