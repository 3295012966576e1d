"""Varied campus-placement candidates for the load, drawn from a seed.

They only have to be valid and different: the model was trained on the predictor's own generator.
"""

import json
import random

CHOICES: dict[str, tuple[str, ...]] = {
    "gender": ("M", "F"),
    "ssc_b": ("Central", "Others"),
    "hsc_b": ("Central", "Others"),
    "hsc_s": ("Commerce", "Science", "Arts"),
    "degree_t": ("Sci&Tech", "Comm&Mgmt", "Others"),
    "specialisation": ("Mkt&Fin", "Mkt&HR"),
    "workex": ("Yes", "No"),
}
PERCENTAGES = ("ssc_p", "hsc_p", "degree_p", "etest_p", "mba_p")
BODIES = 200
"""How many different bodies a run sends, over and over: few enough to learn the right answers in seconds."""
LOWEST, USUAL, HIGHEST = 35.0, 65.0, 99.0


def candidate(draw: random.Random) -> dict[str, str | float]:
    """Draw one candidate; percentages have two decimals, as in the article's data."""
    fields: dict[str, str | float] = {name: draw.choice(words) for name, words in CHOICES.items()}
    for name in PERCENTAGES:
        fields[name] = round(draw.triangular(LOWEST, HIGHEST, USUAL), 2)
    return fields


def bodies(count: int, seed: int) -> list[str]:
    """Return `count` request bodies; made beforehand, so that sending one costs nothing."""
    draw = random.Random(seed)  # noqa: S311 - load, not a secret
    return [json.dumps(candidate(draw)) for _ in range(count)]
