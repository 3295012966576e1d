"""Sends JSON with poisonous content: NaN, infinities, numbers out of range, long lists, huge words.

Expected: 4xx.
"""

import json
import random

from lab.faults.bad_input import Bad, BadInput
from lab.faults.contract import Parameters

NUMBERS = ("NaN", "Infinity", "-Infinity", "1e308", "-1e308", "9" * 400)
LIST_LENGTH, WORD_LENGTH, FIELDS = 2000, 100_000, 5000


def poisoned(draw: random.Random, _: Parameters, good: str) -> Bad:
    """Return a poisoned request."""
    content = json.loads(good)
    name = draw.choice(list(content))
    number = draw.choice(NUMBERS)
    bad_number = json.dumps({**content, name: None}).replace("null", number)
    return draw.choice(
        (
            Bad(f"{name} = {number[:12]}", bad_number.encode()),
            Bad("a long list", json.dumps([content] * LIST_LENGTH).encode()),
            Bad("a huge word", json.dumps({**content, name: "M" * WORD_LENGTH}).encode()),
            Bad("many fields", json.dumps(content | dict.fromkeys(map(str, range(FIELDS)), 1)).encode()),
        )
    )


FAULT = BadInput("poisoned data", poisoned)
