"""The right answers, from the model file that the tools carry.

The servers under test are not asked.

The file is the one that the predictors serve. Its metadata states its version and its columns; this
module encodes a body by them and evaluates it, one by one as a predictor does.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort  # type: ignore[import-untyped, unused-ignore]

from lab.errors import ModelError
from lab.load.answers import Answers
from lab.parts.predictors import FeatureSchema, Info

METADATA_KEY = "hadr_lab"
OUTPUT_NAME = "probabilities"
PLACED = 1
"""The column of the output that is the probability of placement."""
THRESHOLD = 0.5
"""From this probability on a candidate counts as placed."""
REMEDY = "make up builds both from the same sources; or LAB_MODEL names the predictors' file"


class Oracle:
    """The model of a file; its answers are right by definition."""

    def __init__(self, path: Path) -> None:
        """Open the file; raise ModelError if it is no model of the lab."""
        if not path.is_file():
            raise ModelError(
                f"the model file {path} is missing", cause="the tools' image was built without", remedy=REMEDY
            )
        options = ort.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 3  # errors only
        try:
            self._session = ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        except Exception as error:  # ONNX Runtime's exceptions have no common base below Exception.
            raise ModelError(f"the model file {path} cannot be loaded: {error}", remedy=REMEDY) from error
        text = self._session.get_modelmeta().custom_metadata_map.get(METADATA_KEY)
        try:
            card = json.loads(text or "")
            self.version = str(card["version"])
            self.feature_schema: FeatureSchema = [dict(column) for column in card["feature_schema"]]
        except (ValueError, KeyError, TypeError) as error:
            raise ModelError(
                f"the model file {path} does not state its version and features: {error!r}",
                cause=f"it has no valid metadata {METADATA_KEY!r}: the lab's training did not write it",
                remedy=REMEDY,
            ) from error

    def probability(self, body: str) -> float:
        """Return the probability of placement for one request body."""
        row = np.array([_encoded(self.feature_schema, json.loads(body))], dtype=np.float32)
        (output,) = self._session.run([OUTPUT_NAME], {self._session.get_inputs()[0].name: row})
        return float(output[0, PLACED])

    def answers(self, bodies: Sequence[str], seed: int) -> Answers:
        """Return the right answers to the bodies that were drawn from `seed`."""
        probabilities = [self.probability(body) for body in bodies]
        placements = [probability >= THRESHOLD for probability in probabilities]
        return Answers(self.version, seed, probabilities, placements)

    def check(self, servers: Mapping[str, Info]) -> None:
        """Raise ModelError unless every server serves this model."""
        for name, info in servers.items():
            built = "the tools' image and the predictors' were built from different"
            if info.model_version != self.version:
                raise ModelError(
                    f"{name} serves the model {info.model_version}, the tools carry {self.version}",
                    cause=f"{built} models, or the fault stale_model is in force",
                    remedy=REMEDY,
                )
            if info.feature_schema != self.feature_schema:
                what = f"{name} takes other features than the tools' model of the same version {self.version}"
                raise ModelError(what, cause=f"{built} sources", remedy=REMEDY)


def _encoded(schema: FeatureSchema, fields: Mapping[str, Any]) -> list[float]:
    """Return a row of the model's input.

    A category as its place among the values, a percentage as it is.
    """
    return [
        float(feature["values"].index(fields[feature["name"]]))
        if feature["kind"] == "category"
        else float(fields[feature["name"]])
        for feature in schema
    ]
