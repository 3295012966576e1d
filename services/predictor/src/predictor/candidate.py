"""What a candidate is: the fields that a client sends, and the numbers that the model sees.

`Candidate` is the only place where the fields are declared. The model's feature schema, the
encoding and the OpenAPI document are all derived from it; the model file carries the schema it was
trained on, and a predictor refuses to start with a model of another schema.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

Rows = NDArray[np.float32]

PERCENTAGE_EXPECTED = "a finite number from 0 to 100"

Percentage = Annotated[float, Field(ge=0, le=100, allow_inf_nan=False)]
Board = Literal["Central", "Others"]


class Candidate(BaseModel):
    """A campus-placement candidate.

    Percentages run from 0 to 100; nothing is converted or ignored.
    """

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)

    gender: Literal["M", "F"]
    ssc_p: Percentage = Field(description="secondary school, percentage")
    ssc_b: Board
    hsc_p: Percentage = Field(description="higher secondary school, percentage")
    hsc_b: Board
    hsc_s: Literal["Commerce", "Science", "Arts"]
    degree_p: Percentage = Field(description="degree, percentage")
    degree_t: Literal["Sci&Tech", "Comm&Mgmt", "Others"]
    etest_p: Percentage = Field(description="employability test, percentage")
    mba_p: Percentage = Field(description="MBA, percentage")
    specialisation: Literal["Mkt&Fin", "Mkt&HR"]
    workex: Literal["Yes", "No"] = Field(description="work experience")


@dataclass(frozen=True)
class Feature:
    """One column of the model's input: a percentage, or the position of a category in `values`."""

    name: str
    values: tuple[str, ...]

    @property
    def expected(self) -> str:
        """Return what a client must send, in words."""
        if not self.values:
            return PERCENTAGE_EXPECTED
        return "one of " + ", ".join(f'"{value}"' for value in self.values)

    def as_json(self) -> dict[str, Any]:
        """Return the column as the model file's feature schema has it."""
        if self.values:
            return {"name": self.name, "kind": "category", "values": list(self.values)}
        return {"name": self.name, "kind": "percentage", "minimum": 0, "maximum": 100}


FEATURES: tuple[Feature, ...] = tuple(
    Feature(name, get_args(info.annotation)) for name, info in Candidate.model_fields.items()
)

SAMPLE = Candidate(
    gender="M",
    ssc_p=71.0,
    ssc_b="Central",
    hsc_p=90.66,
    hsc_b="Central",
    hsc_s="Science",
    degree_p=90.0,
    degree_t="Sci&Tech",
    etest_p=90.0,
    mba_p=90.3,
    specialisation="Mkt&Fin",
    workex="Yes",
)

# Per column its name and, for a category, the number of each value.
_COLUMNS = tuple(
    (feature.name, {value: float(at) for at, value in enumerate(feature.values)} or None)
    for feature in FEATURES
)


def feature_schema() -> list[dict[str, Any]]:
    """Return the model's input columns in their order, as JSON-ready objects."""
    return [feature.as_json() for feature in FEATURES]


def encode(candidates: Sequence[Candidate]) -> Rows:
    """Return the model's input: float32, one row per candidate, one column per feature."""
    rows = []
    for candidate in candidates:
        values = candidate.__dict__  # attribute access on a pydantic model costs several times a dict's
        rows.append([values[name] if codes is None else codes[values[name]] for name, codes in _COLUMNS])
    return np.array(rows, dtype=np.float32)
