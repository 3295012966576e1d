"""The right answers come from the model file, the bodies from a predictor's features."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from lab.errors import LabError, ModelError, UnreachableError
from lab.load import answers, bodies
from lab.load.answers import Answers
from lab.load.oracle import Oracle
from lab.parts import predictors
from lab.parts.predictors import FeatureSchema, Info
from predictor.candidate import Candidate, encode
from predictor.model import Model
from unit.lab.scripted_server import CAPACITY_PER_S, Reply, info, oracle, serving
from unit.trained import model_file

OTHER_MODEL: FeatureSchema = [
    {"name": "colour", "kind": "category", "values": ["red", "green"]},
    {"name": "humidity", "kind": "percentage", "minimum": 20, "maximum": 60},
]


def test_the_tool_answers_as_the_predictor_of_the_same_file_does() -> None:
    """Two encodings, one file: the tool's by the schema, the predictor's by its own class."""
    drawn = bodies.bodies(oracle().feature_schema, bodies.COUNT, seed=3)
    candidates = [Candidate.model_validate_json(body) for body in drawn]
    theirs = Model(model_file()).probabilities(encode(candidates))
    right = oracle().answers(drawn, seed=3)
    assert np.allclose(right.probabilities, theirs, atol=1e-6)
    assert right.placements == [probability >= 0.5 for probability in right.probabilities]
    assert set(right.placements) == {True, False}, "a flipped decision could not be told"
    assert right.seed == 3


def test_bodies_are_valid_different_and_repeatable() -> None:
    drawn = bodies.bodies(oracle().feature_schema, 200, seed=1)
    assert len(set(drawn)) == 200
    assert drawn == bodies.bodies(oracle().feature_schema, 200, seed=1)
    assert drawn != bodies.bodies(oracle().feature_schema, 200, seed=2)
    for body in drawn:
        Candidate.model_validate_json(body)


def test_bodies_of_another_model_need_no_other_code() -> None:
    """Each value is one of the category's, or a number in the range."""
    drawn = [json.loads(body) for body in bodies.bodies(OTHER_MODEL, 50, seed=1)]
    assert {body["colour"] for body in drawn} == {"red", "green"}
    assert all(20 <= body["humidity"] <= 60 and set(body) == {"colour", "humidity"} for body in drawn)


def test_a_kind_of_feature_that_cannot_be_drawn_is_named() -> None:
    schema: FeatureSchema = [{"name": "photo", "kind": "image"}]
    with pytest.raises(LabError, match="feature 'photo' is of the kind 'image'"):
        bodies.bodies(schema, 1, seed=1)


def test_bodies_and_answers_are_read_back_as_they_were_saved(tmp_path: Path) -> None:
    right = Answers("1.2.3", 7, [0.25, 0.75], [False, True])
    assert answers.load(tmp_path) is None
    answers.save(tmp_path, right)
    bodies.save(tmp_path, ["{}", '{"a": 1}'])
    assert answers.load(tmp_path) == right
    assert bodies.load(tmp_path) == ["{}", '{"a": 1}']


WRONG_FILES = [
    ("missing", None, "is missing"),
    ("no model", b"no model", "cannot be loaded"),
    ("cut off", b"\x08", "cannot be loaded|does not state its version"),
]


@pytest.mark.parametrize(
    ("content", "words"), [row[1:] for row in WRONG_FILES], ids=[w[0] for w in WRONG_FILES]
)
def test_a_file_that_is_no_model_is_refused(tmp_path: Path, content: bytes | None, words: str) -> None:
    path = tmp_path / "model.onnx"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ModelError, match=words) as refused:
        Oracle(path)
    assert "LAB_MODEL" in refused.value.remedy


def test_servers_have_to_serve_the_model_of_the_tools() -> None:
    """By its version, which a fault can change, and by the features that they take."""
    right = Info("predictor-1", oracle().version, oracle().feature_schema)
    oracle().check({"predictor-1": right})
    with pytest.raises(ModelError, match=r"predictor-2 serves the model 2\.0\.0, the tools carry"):
        oracle().check({"predictor-1": right, "predictor-2": Info("predictor-2", "2.0.0", [])})
    with pytest.raises(ModelError, match="predictor-2 takes other features"):
        oracle().check({"predictor-2": Info("predictor-2", oracle().version, OTHER_MODEL)})


def test_each_predictor_is_asked_how_it_serves() -> None:
    with serving(lambda *_: info()) as server:
        found = predictors.infos(server.url + "/{server}", ["predictor-1", "predictor-2"])
        assert [path for path, _, _ in server.requests] == ["/predictor-1/info", "/predictor-2/info"]
    assert found["predictor-2"].capacity_per_s == CAPACITY_PER_S
    assert found["predictor-2"].service["service_ms"] == 20
    assert found["predictor-2"].feature_schema == oracle().feature_schema


@pytest.mark.parametrize(
    ("reply", "words"),
    [
        (Reply(status=503), "/info does not answer"),
        (Reply(body=b"no JSON"), "does not say which model"),
        (Reply(body=b"[]"), "does not say which model"),
        (Reply(body=b'{"model_version": "1"}'), "does not say which model"),
    ],
)
def test_a_predictor_that_does_not_say_what_it_serves_is_named(reply: Reply, words: str) -> None:
    with serving(lambda *_: reply) as server, pytest.raises(UnreachableError, match=words):
        predictors.infos(server.url, ["predictor-1"])
