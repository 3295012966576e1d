"""Sends bodies that are too large, with a length and without; nothing of them should be read to the end."""

import random

from lab.faults import CLIENT, TOOL, Context, Parameter, Parameters, bad_input, work

HELP = "send bodies over the size limit (expected: 413)"
DETAIL = "oversized bodies"
PLACES = (CLIENT,)
PARAMETERS = {
    "megabytes": Parameter(4, "MB", 0.1, 100, "how large a body is"),
    **bad_input.PACED,
}
ENDS = True
LIMIT = TOOL

_job = work.Job("bad_oversized")
undo, took_effect, ended = _job.undo, _job.took_effect, _job.ended
failed, report = _job.failed, _job.report
CHUNK = 65_536


def inject(context: Context, target: str, parameters: Parameters) -> None:
    """Begin to send."""
    size = int(parameters["megabytes"] * 1_000_000)

    def make(draw: random.Random) -> bad_input.Bad:
        if draw.random() < 0.5:  # noqa: PLR2004 - half of them
            return bad_input.Bad("with a length", b" " * size)
        return bad_input.Bad("chunked", lambda: bad_input.chunks(CHUNK, size))

    bad_input.inject(context, _job, target, parameters, make)
