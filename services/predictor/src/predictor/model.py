"""The model: one ONNX file with everything needed to trust it. No HTTP here.

The file's metadata carries the version, the feature schema, the hold-out accuracy and the golden
inputs with their expected outputs, so that file and facts cannot be mixed up.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort  # type: ignore[import-untyped, unused-ignore]
from numpy.typing import NDArray
from pydantic import TypeAdapter, ValidationError

from .candidate import Candidate, Rows, encode, feature_schema
from .errors import BadAnswerError, ModelError

Probabilities = NDArray[np.float32]

METADATA_KEY = "hadr_lab"
INPUT_NAME = "features"
OUTPUT_NAME = "probabilities"


@dataclass(frozen=True)
class Golden:
    """One golden input and its expected probability of placement, computed at training."""

    candidate: Candidate
    probability: float


@dataclass(frozen=True)
class ModelCard:
    """What a model file says about itself."""

    version: str
    feature_schema: list[dict[str, Any]]
    holdout_accuracy: float  # share of hold-out candidates classified right, 0 to 1
    holdout_candidates: int
    trees: int
    training_data: str
    golden: tuple[Golden, ...]


_CARD = TypeAdapter(ModelCard)


def card_to_json(card: ModelCard) -> str:
    """Return the card as it is stored in the model file."""
    return _CARD.dump_json(card).decode()


class Model:
    """A loaded model; `probabilities` may be called from any thread."""

    def __init__(self, path: Path) -> None:
        self._session = _open(path)
        self.card = _read_card(path, self._session)
        self.golden_rows = encode([golden.candidate for golden in self.card.golden])
        self.golden_expected = np.array([golden.probability for golden in self.card.golden])

    def probabilities(self, rows: Rows) -> Probabilities:
        """Return the probability of placement per row; float32, one dimension."""
        outputs = self._session.run([OUTPUT_NAME], {INPUT_NAME: rows})[0]
        placed: Probabilities = outputs[:, 1]
        return placed


def checked(probabilities: Probabilities) -> list[float]:
    """Return the values; raises BadAnswerError unless each is a probability."""
    values: list[float] = probabilities.tolist()
    for value in values:
        if not 0 <= value <= 1:  # NaN compares false, so it is caught too
            raise BadAnswerError(f"the model answered {value} where a probability from 0 to 1 was due")
    return values


def _open(path: Path) -> Any:
    if not path.is_file():
        raise ModelError(f"model file {path}: not found; train.py writes it, PREDICTOR_MODEL_PATH names it")
    options = ort.SessionOptions()
    # An inference takes 13 us on one thread; more threads would take the cores from the other
    # servers.
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.log_severity_level = 3  # errors; a warning per model load is of no use to the reader of the log
    try:
        return ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:
        # ONNX Runtime's exceptions have no common base below Exception.
        raise ModelError(f"model file {path}: ONNX Runtime cannot load it: {error}") from error


def _read_card(path: Path, session: Any) -> ModelCard:
    text = session.get_modelmeta().custom_metadata_map.get(METADATA_KEY)
    if text is None:
        raise ModelError(f"model file {path}: no metadata {METADATA_KEY!r}; it was not written by train.py")
    try:
        card = _CARD.validate_json(text)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise ModelError(f"model file {path}: metadata {METADATA_KEY!r}, {where}: {first['msg']}") from None
    if card.feature_schema != feature_schema():
        raise ModelError(
            f"model file {path}: trained on the features {json.dumps(card.feature_schema)}, "
            f"but this predictor's candidates have {json.dumps(feature_schema())}; train the model again"
        )
    if not card.golden:
        raise ModelError(f"model file {path}: no golden inputs, so its health could never be proven")
    return card
