"""From a request's bytes to candidates, or to a list of what is wrong with them.

The time and the size of the answer are bounded whatever the client sends: a body of a megabyte can
hold half a million errors, of which nobody reads more than the first few.
"""

import json
import math
from typing import Any

from pydantic import ValidationError
from pydantic_core import from_json

from .candidate import FEATURES, Candidate
from .errors import Detail, InvalidRequestError

MAX_DETAILS = 20
_MAX_SHOWN_CHARS = 60
_MAX_SHOWN_BITS = 64
_BODY = "(body)"

_EXPECTED = {feature.name: feature.expected for feature in FEATURES}
_CANDIDATE = "a candidate: an object with the fields " + ", ".join(_EXPECTED)


def parse_candidates(body: bytes, max_candidates: int) -> tuple[list[Candidate], bool]:
    """Return the candidates in `body`, and whether a list was sent; raises InvalidRequestError.

    Numbers must be JSON numbers: `"71"` and `true` are refused, and so are the NaN and Infinity
    that Python's own JSON module writes.
    """
    try:
        content = from_json(body, allow_inf_nan=True, cache_strings="keys")
    except ValueError as error:
        shown = _clip(body[: _MAX_SHOWN_CHARS * 4].decode("utf-8", "replace"))
        raise InvalidRequestError((Detail(_BODY, shown, f"JSON ({error})"),)) from None
    if not isinstance(content, list):
        details = _check(content, "")
        if isinstance(details, Candidate):
            return [details], False
        raise InvalidRequestError(tuple(details[:MAX_DETAILS]), truncated=len(details) > MAX_DETAILS)
    if not 1 <= len(content) <= max_candidates:
        expected = f"a candidate or a list of 1 to {max_candidates} candidates"
        raise InvalidRequestError((Detail(_BODY, describe(content), expected),))
    return _check_list(content), True


def _check_list(content: list[Any]) -> list[Candidate]:
    candidates: list[Candidate] = []
    wrong: list[Detail] = []
    for at, item in enumerate(content):
        checked = _check(item, f"[{at}]")
        if isinstance(checked, Candidate):
            candidates.append(checked)
            continue
        wrong += checked
        if len(wrong) > MAX_DETAILS:  # no more are shown, so no more are looked for
            break
    if wrong:
        raise InvalidRequestError(tuple(wrong[:MAX_DETAILS]), truncated=len(wrong) > MAX_DETAILS)
    return candidates


def _check(item: Any, where: str) -> Candidate | list[Detail]:
    """Return the candidate in `item`, or what is wrong with it.

    `where` is its place in the body.
    """
    if not isinstance(item, dict) or len(item) > 2 * len(_EXPECTED):
        return [Detail(where or _BODY, describe(item), _CANDIDATE)]
    try:
        return Candidate.model_validate(item)
    except ValidationError as error:
        return [
            _detail(found["type"], found["loc"], found["input"], where)
            for found in error.errors(include_url=False, include_context=False)
        ]


def _detail(kind: str, location: tuple[int | str, ...], value: Any, where: str) -> Detail:
    name = str(location[0]) if location else ""
    field = f"{where}.{_clip(name)}" if where else _clip(name)
    if kind == "missing":
        return Detail(field, "missing", _EXPECTED[name])
    if kind == "extra_forbidden":
        return Detail(field, describe(value), "no field of this name; the fields are " + ", ".join(_EXPECTED))
    return Detail(field, describe(value), _EXPECTED.get(name, _CANDIDATE))


def describe(value: Any) -> str:
    """Describe a JSON value in at most a few dozen characters, whatever its size."""
    if isinstance(value, list):
        return f"a list of {len(value)}"
    if isinstance(value, dict):
        return f"an object with {len(value)} fields"
    if isinstance(value, str):
        return _clip(json.dumps(value[: _MAX_SHOWN_CHARS + 1]))
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    # Turning a huge integer into decimal text takes quadratic time, and Python refuses it beyond
    # 4,300 digits.
    if isinstance(value, int) and value.bit_length() > _MAX_SHOWN_BITS:
        return f"an integer of {value.bit_length()} bits"
    return json.dumps(value)


def _clip(text: str) -> str:
    return text if len(text) <= _MAX_SHOWN_CHARS else text[:_MAX_SHOWN_CHARS] + "..."
