"""The OpenAPI entry of /predict, which FastAPI cannot derive: it does not route that path."""

from typing import Any

from fastapi import FastAPI
from pydantic import BaseModel, Field
from pydantic.json_schema import models_json_schema

from .candidate import SAMPLE, Candidate

_REF = "#/components/schemas/{model}"


class Prediction(BaseModel):
    """The model's answer for one candidate."""

    Placement_Probability: float = Field(ge=0, le=1, description="probability of placement, 0 to 1")
    Placement: bool = Field(description="true where the probability is at least 0.5")


class Wrong(BaseModel):
    """One thing that is wrong with a request."""

    field: str = Field(examples=["[0].ssc_p"])
    value: str = Field(examples=["101.0"])
    expected: str = Field(examples=["a finite number from 0 to 100"])


class Problem(BaseModel):
    """Why there is no prediction."""

    error: str = Field(examples=["invalid_request"])
    request_id: str
    message: str
    details: list[Wrong] = Field(default=[], description="only with 422")


class Api(FastAPI):
    """FastAPI with /predict in its document."""

    def openapi(self) -> dict[str, Any]:
        """Return the document of all routes; built once."""
        if self.openapi_schema is None:
            document = super().openapi()
            models: list[tuple[type[BaseModel], Any]] = [(Candidate, "validation")]
            models += [(model, "serialization") for model in (Prediction, Wrong, Problem)]
            _, schemas = models_json_schema(models, ref_template=_REF)
            document.setdefault("components", {}).setdefault("schemas", {}).update(schemas["$defs"])
            document["paths"]["/predict"] = _path_item()
        return self.openapi_schema or document


def _ref(model: type[BaseModel]) -> dict[str, str]:
    return {"$ref": _REF.format(model=model.__name__)}


def _one_or_more(model: type[BaseModel]) -> dict[str, Any]:
    return {"anyOf": [_ref(model), {"type": "array", "items": _ref(model), "minItems": 1}]}


def _json(schema: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"application/json": {"schema": schema, **more}}


def _path_item() -> dict[str, Any]:
    refusals = {
        "408": "the body did not arrive in time",
        "413": "the body is over the limit",
        "422": "a field is missing, unknown or out of range; details name it",
        "429": "the server is at its limit; Retry-After says when to come back",
        "500": "the model failed",
    }
    errors = {
        status: {"description": text, "content": _json(_ref(Problem))} for status, text in refusals.items()
    }
    return {
        "get": {
            "summary": "Predict for the sample candidate",
            "responses": {
                "200": {"description": "The prediction", "content": _json(_ref(Prediction))},
                **{status: errors[status] for status in ("429", "500")},
            },
        },
        "post": {
            "summary": "Predict for a candidate, or for a list of candidates",
            "requestBody": {
                "required": True,
                "content": _json(_one_or_more(Candidate), example=SAMPLE.model_dump()),
            },
            "responses": {
                "200": {
                    "description": "An object for one candidate, also for a list of one; else a list",
                    "content": _json(_one_or_more(Prediction)),
                },
                **errors,
            },
        },
    }
