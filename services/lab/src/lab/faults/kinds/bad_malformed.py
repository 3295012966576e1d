"""Sends what is no candidate: broken JSON, wrong types, missing and unknown fields, no JSON at all."""

import json
import random

from lab.faults import CLIENT, TOOL, Context, Parameters, bad_input, work
from lab.load.candidates import candidate

HELP = "send malformed requests (expected: 4xx)"
DETAIL = "malformed requests"
PLACES = (CLIENT,)
PARAMETERS = bad_input.PACED
ENDS = True
LIMIT = TOOL

_job = work.Job("bad_malformed")
undo, took_effect, ended = _job.undo, _job.took_effect, _job.ended
failed, report = _job.failed, _job.report

GOOD = json.dumps(candidate(random.Random(1)))  # noqa: S311 - not a secret
KINDS = (
    ("cut off", GOOD[: len(GOOD) // 2].encode()),
    ("empty", b""),
    ("no JSON", b"gender=M&ssc_p=67"),
    ("not UTF-8", b'{"gender": "\xff\xfe"}'),
    ("a number", b"42"),
    ("an empty list", b"[]"),
    ("a field missing", b'{"gender": "M"}'),
    ("text for a number", GOOD.replace('"ssc_p": ', '"ssc_p": "x", "was": ').encode()),
    ("an unknown word", GOOD.replace('"workex": "', '"workex": "Perhaps').encode()),
    ("null", b"null"),
    ("deep nesting", b"[" * 10_000 + b"]" * 10_000),
)


def inject(context: Context, target: str, parameters: Parameters) -> None:
    """Begin to send."""
    bad_input.inject(context, _job, target, parameters, lambda draw: bad_input.Bad(*draw.choice(KINDS)))
