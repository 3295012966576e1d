"""Sends what is no candidate: broken JSON, wrong types, missing and unknown fields, no JSON.

Expected: 4xx.
"""

import json
import random

from lab.faults.bad_input import Bad, BadInput
from lab.faults.contract import Parameters


def malformed(draw: random.Random, _: Parameters, good: str) -> Bad:
    """Return a request that no model takes."""
    content = json.loads(good)
    name = draw.choice(list(content))
    without = {key: value for key, value in content.items() if key != name}
    # A number where a word belongs, and a word that is none of the feature's.
    wrong = 42 if isinstance(content[name], str) else "x"
    unknown = f"{content[name]} perhaps"
    return draw.choice(
        (
            Bad("cut off", good[: len(good) // 2].encode()),
            Bad("empty", b""),
            Bad("no JSON", f"{name}={content[name]}".encode()),
            Bad("not UTF-8", good.encode().replace(b'"', b'"\xff\xfe', 1)),
            Bad("a number", b"42"),
            Bad("an empty list", b"[]"),
            Bad("a field missing", json.dumps(without).encode()),
            Bad("a wrong type", json.dumps({**content, name: wrong}).encode()),
            Bad("an unknown word", json.dumps({**content, name: unknown}).encode()),
            Bad("null", b"null"),
            Bad("deep nesting", b"[" * 10_000 + b"]" * 10_000),
        )
    )


FAULT = BadInput("malformed requests", malformed)
