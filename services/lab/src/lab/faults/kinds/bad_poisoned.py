"""Sends well-formed JSON with poisonous content: NaN, infinities, numbers out of range, endless lists."""

import json
import random

from lab.faults import CLIENT, TOOL, Context, Parameters, bad_input, work
from lab.load.candidates import PERCENTAGES, candidate

HELP = "send poisoned data: NaN, infinity, out of range, long lists, huge words (expected: 4xx)"
DETAIL = "poisoned data"
PLACES = (CLIENT,)
PARAMETERS = bad_input.PACED
ENDS = True
LIMIT = TOOL

_job = work.Job("bad_poisoned")
undo, took_effect, ended = _job.undo, _job.took_effect, _job.ended
failed, report = _job.failed, _job.report

NUMBERS = ("NaN", "Infinity", "-Infinity", "1e308", "-1", "100.0001", "9" * 400)
LIST_LENGTH = 2000


def poisoned(draw: random.Random) -> bad_input.Bad:
    """Make one."""
    content = candidate(draw)
    text = json.dumps(content)
    kind = draw.randrange(4)
    if kind == 0:
        return bad_input.Bad("a long list", json.dumps([content] * LIST_LENGTH).encode())
    if kind == 1:
        return bad_input.Bad("a huge word", json.dumps({**content, "gender": "M" * 100_000}).encode())
    if kind == 2:  # noqa: PLR2004 - the third of four
        return bad_input.Bad(
            "many fields", json.dumps({**content, **dict.fromkeys(map(str, range(5000)), 1)}).encode()
        )
    number = draw.choice(NUMBERS)
    field = draw.choice(PERCENTAGES)
    return bad_input.Bad(
        f"{field} = {number[:12]}",
        text.replace(f'"{field}": {content[field]}', f'"{field}": {number}').encode(),
    )


def inject(context: Context, target: str, parameters: Parameters) -> None:
    """Begin to send."""
    bad_input.inject(context, _job, target, parameters, poisoned)
