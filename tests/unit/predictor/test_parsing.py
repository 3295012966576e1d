"""From bytes to candidates: what is refused, and in which words."""

import json
import math
import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from predictor.candidate import FEATURES, SAMPLE, Candidate, encode
from predictor.errors import InvalidRequestError
from predictor.parsing import MAX_DETAILS, describe, parse_candidates

PERCENTAGE = "a finite number from 0 to 100"


def refused(content: object) -> InvalidRequestError:
    body = content if isinstance(content, bytes) else json.dumps(content).encode()
    with pytest.raises(InvalidRequestError) as error:
        parse_candidates(body, 100)
    return error.value


def test_an_object_is_one_candidate_and_no_list(sample: dict[str, Any]) -> None:
    assert parse_candidates(json.dumps(sample).encode(), 100) == ([SAMPLE], False)


def test_a_list_is_told_from_an_object(sample: dict[str, Any]) -> None:
    assert parse_candidates(json.dumps([sample, sample]).encode(), 100) == ([SAMPLE, SAMPLE], True)


def test_whole_numbers_are_percentages_too(sample: dict[str, Any]) -> None:
    candidates, _ = parse_candidates(json.dumps({**sample, "ssc_p": 100, "mba_p": 0}).encode(), 100)
    assert (candidates[0].ssc_p, candidates[0].mba_p) == (100, 0)


@pytest.mark.parametrize(
    ("change", "field", "value", "expected"),
    [
        ({"ssc_p": 100.01}, "ssc_p", "100.01", PERCENTAGE),
        ({"ssc_p": -0.01}, "ssc_p", "-0.01", PERCENTAGE),
        ({"ssc_p": math.nan}, "ssc_p", "NaN", PERCENTAGE),
        ({"mba_p": math.inf}, "mba_p", "Infinity", PERCENTAGE),
        ({"mba_p": -math.inf}, "mba_p", "-Infinity", PERCENTAGE),
        ({"hsc_p": "71"}, "hsc_p", '"71"', PERCENTAGE),
        ({"hsc_p": True}, "hsc_p", "true", PERCENTAGE),
        ({"hsc_p": None}, "hsc_p", "null", PERCENTAGE),
        ({"hsc_p": [1, 2]}, "hsc_p", "a list of 2", PERCENTAGE),
        ({"hsc_p": {"a": 1}}, "hsc_p", "an object with 1 fields", PERCENTAGE),
        ({"hsc_p": 10**30}, "hsc_p", "an integer of 100 bits", PERCENTAGE),
        ({"gender": "f"}, "gender", '"f"', 'one of "M", "F"'),
        ({"gender": ""}, "gender", '""', 'one of "M", "F"'),
        ({"gender": 1}, "gender", "1", 'one of "M", "F"'),
        ({"hsc_s": "X" * 5000}, "hsc_s", '"' + "X" * 59 + "...", 'one of "Commerce", "Science", "Arts"'),
        ({"age": 21}, "age", "21", "no field of this name; the fields are gender, ssc_p"),
    ],
)
def test_a_bad_value_is_named_with_field_value_and_expectation(
    sample: dict[str, Any], change: dict[str, object], field: str, value: str, expected: str
) -> None:
    for content, where in (({**sample, **change}, ""), ([sample, {**sample, **change}], "[1].")):
        (detail,) = refused(content).details
        assert (detail.field, detail.value) == (where + field, value)
        assert detail.expected.startswith(expected)


@pytest.mark.parametrize("feature", FEATURES, ids=lambda feature: feature.name)
def test_each_field_is_required(sample: dict[str, Any], feature: Any) -> None:
    del sample[feature.name]
    (detail,) = refused(sample).details
    assert (detail.field, detail.value, detail.expected) == (feature.name, "missing", feature.expected)


@pytest.mark.parametrize(
    ("body", "value", "expected"),
    [
        (b"", "", "JSON (EOF"),
        (b"{", "{", "JSON (EOF"),
        (b"\xff\xfe", "\ufffd\ufffd", "JSON ("),
        (b'{"ssc_p": 1' + b"0" * 5000 + b"}", '{"ssc_p": 1' + "0" * 49 + "...", "JSON ("),
        (b"[" * 5000, "[" * 60 + "...", "JSON (recursion limit"),
        (b"5", "5", "a candidate: an object with the fields gender"),
        (b"null", "null", "a candidate: an object with the fields gender"),
        (b'"x"', '"x"', "a candidate: an object with the fields gender"),
        (b"[]", "a list of 0", "a candidate or a list of 1 to 100 candidates"),
        (b"[" + b"1," * 100 + b"1]", "a list of 101", "a candidate or a list of 1 to 100 candidates"),
    ],
)
def test_a_body_that_is_no_candidate_is_described(body: bytes, value: str, expected: str) -> None:
    (detail,) = refused(body).details
    assert (detail.field, detail.value) == ("(body)", value)
    assert detail.expected.startswith(expected)


def test_an_object_with_too_many_fields_is_not_looked_through(sample: dict[str, Any]) -> None:
    (detail,) = refused({**sample, **{f"x{i}": i for i in range(50_000)}}).details
    assert (detail.field, detail.value) == ("(body)", "an object with 50012 fields")


def test_the_details_are_bounded_whatever_is_wrong() -> None:
    error = refused([{"x" * 10_000: "y" * 10_000}] * 100)
    assert len(error.details) == MAX_DETAILS
    assert error.truncated
    assert sum(len(d.field) + len(d.value) + len(d.expected) for d in error.details) < 10_000


json_values = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)


@given(value=json_values)
def test_any_value_is_described_in_few_characters(value: object) -> None:
    assert len(describe(value)) <= 64


@given(bits=st.integers(0, 100_000))
def test_a_huge_integer_is_described_without_being_written_out(bits: int) -> None:
    assert len(describe(-(2**bits))) < 64
    assert bits < 64 or sys.get_int_max_str_digits()


@given(
    value=json_values, name=st.sampled_from([f.name for f in FEATURES] + ["other", ""]), listed=st.booleans()
)
def test_any_json_gives_candidates_or_details(value: object, name: str, listed: bool) -> None:
    """Whatever a client puts into one field, it gets a prediction or a reason, never a crash."""
    content = {**SAMPLE.model_dump(), name: value}
    body = json.dumps([content] if listed else content).encode()
    try:
        outcome = parse_candidates(body, 100)
    except InvalidRequestError as error:
        outcome = None
        count = len(error.details)
    else:
        count = 1
    assert 1 <= count <= MAX_DETAILS
    assert outcome is None or (outcome[0][0].model_dump(), outcome[1]) == (content, listed)


@given(body=st.binary(max_size=200))
def test_any_bytes_give_candidates_or_details(body: bytes) -> None:
    with pytest.raises(InvalidRequestError):
        parse_candidates(body, 100)


candidates = st.builds(
    Candidate,
    **{
        f.name: st.sampled_from(f.values) if f.values else st.floats(0, 100, allow_nan=False)
        for f in FEATURES
    },
)


@given(drawn=st.lists(candidates, min_size=1, max_size=5))
def test_the_encoding_keeps_every_field(drawn: list[Candidate]) -> None:
    rows = encode(drawn)
    assert rows.shape == (len(drawn), len(FEATURES))
    for row, candidate in zip(rows, drawn, strict=True):
        for column, feature in zip(row, FEATURES, strict=True):
            value = getattr(candidate, feature.name)
            if feature.values:
                assert feature.values[int(column)] == value
            else:
                assert column == pytest.approx(value, rel=1e-6, abs=1e-30)
