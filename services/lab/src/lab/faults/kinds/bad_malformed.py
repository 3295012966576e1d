"""Sends what is no candidate: broken JSON, wrong types, missing and unknown fields, no JSON.

Expected: 4xx.
"""

import json
import random

from lab.faults.bad_input import Bad, BadInput
from lab.load.candidates import candidate

GOOD = json.dumps(candidate(random.Random(1)))  # noqa: S311 - not a secret
KINDS = (
    Bad("cut off", GOOD[: len(GOOD) // 2].encode()),
    Bad("empty", b""),
    Bad("no JSON", b"gender=M&ssc_p=67"),
    Bad("not UTF-8", b'{"gender": "\xff\xfe"}'),
    Bad("a number", b"42"),
    Bad("an empty list", b"[]"),
    Bad("a field missing", b'{"gender": "M"}'),
    Bad("text for a number", GOOD.replace('"ssc_p": ', '"ssc_p": "x", "was": ').encode()),
    Bad("an unknown word", GOOD.replace('"workex": "', '"workex": "Perhaps').encode()),
    Bad("null", b"null"),
    Bad("deep nesting", b"[" * 10_000 + b"]" * 10_000),
)

FAULT = BadInput("malformed requests", lambda draw, _: draw.choice(KINDS))
