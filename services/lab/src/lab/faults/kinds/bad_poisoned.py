"""Sends JSON with poisonous content: NaN, infinities, numbers out of range, long lists, huge words.

Expected: 4xx.
"""

import json
import random

from lab.faults import Parameters
from lab.faults.bad_input import Bad, BadInput
from lab.load.candidates import PERCENTAGES, candidate

NUMBERS = ("NaN", "Infinity", "-Infinity", "1e308", "-1", "100.0001", "9" * 400)
LIST_LENGTH = 2000


def poisoned(draw: random.Random, _: Parameters) -> Bad:
    """Return a poisoned body."""
    content = candidate(draw)
    text = json.dumps(content)
    kind = draw.randrange(4)
    if kind == 0:
        return Bad("a long list", json.dumps([content] * LIST_LENGTH).encode())
    if kind == 1:
        return Bad("a huge word", json.dumps({**content, "gender": "M" * 100_000}).encode())
    if kind == 2:  # noqa: PLR2004 - the third of four
        return Bad("many fields", json.dumps({**content, **dict.fromkeys(map(str, range(5000)), 1)}).encode())
    number = draw.choice(NUMBERS)
    field = draw.choice(PERCENTAGES)
    return Bad(
        f"{field} = {number[:12]}",
        text.replace(f'"{field}": {content[field]}', f'"{field}": {number}').encode(),
    )


FAULT = BadInput("poisoned data", poisoned)
