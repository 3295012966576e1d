"""The model file: what it says about itself, and when it is refused."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

from predictor.candidate import SAMPLE, feature_schema
from predictor.errors import BadAnswerError, ModelError
from predictor.model import METADATA_KEY, Model, checked

Alter = Callable[[dict[str, Any]], dict[str, Any] | None]


def altered(source: Path, target: Path, alter: Alter) -> Path:
    """Write a copy of the model whose metadata went through `alter`; None removes it."""
    model = onnx.load(source)
    card = alter(json.loads(model.metadata_props[0].value))
    del model.metadata_props[:]
    if card is not None:
        entry = model.metadata_props.add()
        entry.key, entry.value = METADATA_KEY, json.dumps(card)
    onnx.save(model, target)
    return target


def test_the_file_carries_all_that_is_needed_to_trust_it(model_path: Path) -> None:
    card = Model(model_path).card
    assert card.version.startswith("1.0.0+")
    assert card.feature_schema == feature_schema()
    assert 0.7 < card.holdout_accuracy < 1
    assert card.holdout_candidates == 200
    assert "synthetic" in card.training_data
    assert card.golden[0].candidate == SAMPLE
    probabilities = [golden.probability for golden in card.golden]
    assert min(probabilities) < 0.5 < max(probabilities)


def test_the_golden_inputs_get_their_expected_outputs(model_path: Path) -> None:
    model = Model(model_path)
    answers = model.probabilities(model.golden_rows)
    assert answers == pytest.approx(model.golden_expected, abs=1e-5)


def _without_golden(card: dict[str, Any]) -> dict[str, Any]:
    return {**card, "golden": []}


def _other_features(card: dict[str, Any]) -> dict[str, Any]:
    return {**card, "feature_schema": card["feature_schema"][1:]}


def _wrong_accuracy(card: dict[str, Any]) -> dict[str, Any]:
    return {**card, "holdout_accuracy": "good"}


@pytest.mark.parametrize(
    ("alter", "message"),
    [
        (lambda _: None, "no metadata 'hadr_lab'; it was not written by train.py"),
        (_without_golden, "no golden inputs"),
        (_other_features, "train the model again"),
        (_wrong_accuracy, "holdout_accuracy"),
    ],
)
def test_a_file_that_cannot_be_trusted_is_refused(
    model_path: Path, tmp_path: Path, alter: Alter, message: str
) -> None:
    with pytest.raises(ModelError) as refused:
        Model(altered(model_path, tmp_path / "altered.onnx", alter))
    assert message in str(refused.value)
    assert "altered.onnx" in str(refused.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"none\.onnx: not found; train\.py writes it"):
        Model(tmp_path / "none.onnx")


def test_a_damaged_file_is_named(model_path: Path, tmp_path: Path) -> None:
    damaged = tmp_path / "damaged.onnx"
    damaged.write_bytes(model_path.read_bytes()[:1000])
    with pytest.raises(ModelError, match=r"damaged\.onnx: ONNX Runtime cannot load it"):
        Model(damaged)


@pytest.mark.parametrize("wrong", [np.nan, np.inf, -0.01, 1.01])
def test_an_output_that_is_no_probability_is_refused(wrong: float) -> None:
    with pytest.raises(BadAnswerError, match="a probability from 0 to 1 was due"):
        checked(np.array([0.5, wrong], dtype=np.float32))
