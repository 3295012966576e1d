# ruff: noqa: INP001  a script for the build stage, not a package
"""Train the lab's model and write it as one ONNX file.

    python train.py --output model.onnx [--trees 128] [--candidates 6000] [--seed 2022]

THE CANDIDATES ARE SYNTHETIC. No real person's data is used, and the model says nothing about real
placements; the lab needs a model of realistic shape and cost whose right answers are known, not one
that is useful to a college.

How a candidate is drawn (`draw_candidates`), with a generator seeded by --seed:
- an ability, normal with mean 0 and standard deviation 1;
- each percentage is normal around the centre in `_PERCENTAGES`, moved by the ability (its weight in
  percentage points per standard deviation), with noise of its own, cut to 0..100 and rounded to
  0.01;
- each category independently, with the probabilities in `_CATEGORIES`;
- placed or not: a coin with the log-odds of `_log_odds`, so that no model can be right about
  everyone.

The forest is trained on three quarters; its accuracy on the other quarter is stored in the file
with the version, the feature schema, and golden inputs with the outputs that scikit-learn gives for
them. Before the file is written, ONNX Runtime must give the same outputs, within TOLERANCE.
"""

import argparse
import hashlib
import sys
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from skl2onnx import to_onnx  # type: ignore[import-untyped, unused-ignore]
from skl2onnx.common.data_types import FloatTensorType  # type: ignore[import-untyped, unused-ignore]
from sklearn.ensemble import RandomForestClassifier  # type: ignore[import-untyped, unused-ignore]

from predictor.candidate import FEATURES, SAMPLE, Candidate, Rows, encode, feature_schema
from predictor.model import INPUT_NAME, METADATA_KEY, OUTPUT_NAME, Golden, Model, ModelCard, card_to_json

BASE_VERSION = "1.0.0"
TOLERANCE = 1e-5  # probability; float32 sums of 128 tree votes differ from float64 ones by about 1e-7
HOLDOUT_SHARE = 0.25
TARGET_OPSET = {"": 17, "ai.onnx.ml": 3}
GOLDEN_COUNT = 8

# field: (centre in percent, points per standard deviation of ability, standard deviation of the
# noise)
_PERCENTAGES = {
    "ssc_p": (67.0, 7.0, 8.0),
    "hsc_p": (66.0, 7.0, 8.0),
    "degree_p": (66.0, 5.0, 6.0),
    "etest_p": (72.0, 4.0, 12.0),
    "mba_p": (62.0, 3.5, 4.5),
}
# field: probability of each value, in the order in which Candidate declares them
_CATEGORIES = {
    "gender": (0.62, 0.38),
    "ssc_b": (0.54, 0.46),
    "hsc_b": (0.39, 0.61),
    "hsc_s": (0.53, 0.42, 0.05),
    "degree_t": (0.27, 0.68, 0.05),
    "specialisation": (0.56, 0.44),
    "workex": (0.35, 0.65),
}


def draw_candidates(count: int, rng: np.random.Generator) -> list[Candidate]:
    """Draw `count` synthetic candidates, as the module's docstring describes."""
    ability = rng.standard_normal(count)
    columns: dict[str, list[float] | list[str]] = {}
    for feature in FEATURES:
        if feature.values:
            picks = rng.choice(len(feature.values), size=count, p=_CATEGORIES[feature.name])
            columns[feature.name] = [feature.values[pick] for pick in picks]
        else:
            centre, weight, noise = _PERCENTAGES[feature.name]
            percentages = centre + weight * ability + noise * rng.standard_normal(count)
            columns[feature.name] = np.clip(percentages, 0, 100).round(2).tolist()
    return [
        Candidate.model_validate(dict(zip(columns, values, strict=True)))
        for values in zip(*columns.values(), strict=True)
    ]


def _log_odds(candidate: Candidate) -> float:
    """Return the log-odds that this candidate is placed; 0 is even chances. They are inventions."""
    return (
        1.2
        + 0.16 * (candidate.ssc_p - 67)
        + 0.11 * (candidate.hsc_p - 66)
        + 0.12 * (candidate.degree_p - 66)
        + 0.02 * (candidate.etest_p - 72)
        - 0.05 * (candidate.mba_p - 62)
        + (1.4 if candidate.workex == "Yes" else -0.4)
        + (0.5 if candidate.specialisation == "Mkt&Fin" else -0.5)
    )


def draw_placements(candidates: list[Candidate], rng: np.random.Generator) -> NDArray[np.int64]:
    """One coin per candidate, 1 for placed, with the odds of `_log_odds`."""
    log_odds = np.array([_log_odds(candidate) for candidate in candidates])
    placed: NDArray[np.int64] = (rng.random(len(candidates)) < 1 / (1 + np.exp(-log_odds))).astype(np.int64)
    return placed


def pick_golden(candidates: list[Candidate], probabilities: NDArray[np.float64]) -> list[Candidate]:
    """Return the sample candidate, and others from the least to the most probable placement."""
    order = np.argsort(probabilities, kind="stable")
    places = np.linspace(0, len(order) - 1, GOLDEN_COUNT - 1).round().astype(int)
    return [SAMPLE, *(candidates[order[place]] for place in places)]


def train(output: Path, trees: int, count: int, seed: int) -> ModelCard:
    """Train, export, verify with ONNX Runtime, write `output`.

    Returns what the file says about itself.
    """
    rng = np.random.default_rng(seed)
    candidates = draw_candidates(count, rng)
    placements = draw_placements(candidates, rng)
    rows = encode(candidates)
    held_out = int(count * HOLDOUT_SHARE)
    forest = RandomForestClassifier(n_estimators=trees, min_samples_leaf=4, random_state=seed, n_jobs=1)
    forest.fit(rows[held_out:], placements[held_out:])
    holdout = forest.predict_proba(rows[:held_out])[:, 1]

    golden = pick_golden(candidates[:held_out], holdout)
    expected = forest.predict_proba(encode(golden))[:, 1]
    onnx_model = to_onnx(
        forest,
        initial_types=[(INPUT_NAME, FloatTensorType([None, len(FEATURES)]))],
        options={id(forest): {"zipmap": False}},
        target_opset=TARGET_OPSET,
    )
    digest = hashlib.sha256(onnx_model.graph.SerializeToString(deterministic=True)).hexdigest()
    card = ModelCard(
        version=f"{BASE_VERSION}+{digest[:8]}",
        feature_schema=feature_schema(),
        holdout_accuracy=float(((holdout >= 0.5) == placements[:held_out]).mean()),  # noqa: PLR2004
        holdout_candidates=held_out,
        trees=trees,
        training_data=f"{count - held_out} synthetic candidates, drawn by train.py with seed {seed}",
        golden=tuple(Golden(one, float(value)) for one, value in zip(golden, expected, strict=True)),
    )
    if OUTPUT_NAME not in [node.name for node in onnx_model.graph.output]:
        raise SystemExit(f"skl2onnx exported no output {OUTPUT_NAME!r}: {onnx_model.graph.output}")
    entry = onnx_model.metadata_props.add()
    entry.key, entry.value = METADATA_KEY, card_to_json(card)
    unverified = output.with_suffix(".unverified")
    unverified.write_bytes(onnx_model.SerializeToString(deterministic=True))
    _verify(unverified, rows[:held_out], holdout)
    unverified.replace(output)
    return card


def _verify(path: Path, rows: Rows, expected: NDArray[np.float64]) -> None:
    """End the program unless the file, as a predictor loads it, answers as scikit-learn does."""
    deviation = float(np.abs(Model(path).probabilities(rows) - expected).max())
    if not deviation <= TOLERANCE:
        raise SystemExit(f"the exported model deviates from scikit-learn's by {deviation}, limit {TOLERANCE}")


def main() -> None:
    """Parse the command line, train, print one line."""
    parser = argparse.ArgumentParser(description="Train the lab's model on synthetic candidates.")
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--trees", type=int, default=128)
    parser.add_argument("--candidates", type=int, default=6000)
    parser.add_argument("--seed", type=int, default=2022)
    arguments = parser.parse_args()
    card = train(arguments.output, arguments.trees, arguments.candidates, arguments.seed)
    size_kb = arguments.output.stat().st_size / 1000
    sys.stdout.write(
        f"{arguments.output}: version {card.version}, {card.trees} trees, {size_kb:.0f} kB, "
        f"hold-out accuracy {card.holdout_accuracy:.3f} on {card.holdout_candidates} synthetic candidates\n"
    )


if __name__ == "__main__":
    main()
