"""What each predictor says of itself (GET /info): its model, the features it takes, how it serves.

Asked past HAProxy, on the predictors' own network.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import httpx

from lab.errors import UnreachableError

TIMEOUT_S = 5.0

FeatureSchema = list[dict[str, Any]]
"""The model's input, column by column: {"name", "kind": "category", "values"} or {"name", "kind":
"percentage", "minimum", "maximum"}."""


@dataclass(frozen=True)
class Info:
    """One server. `capacity_per_s` is None where the machine decides what it carries."""

    server: str
    model_version: str
    feature_schema: FeatureSchema
    service: dict[str, Any] = field(default_factory=dict)
    capacity_per_s: float | None = None
    services: int = 0
    services_slow: int = 0

    def as_json(self) -> dict[str, Any]:
        """Return how it serves, for settings.json."""
        counts = {key: getattr(self, key) for key in ("capacity_per_s", "services", "services_slow")}
        return self.service | counts


def infos(predictor_url: str, servers: Iterable[str]) -> dict[str, Info]:
    """Ask each server; `predictor_url` has {server} where its name goes. Raise UnreachableError."""
    with httpx.Client(timeout=TIMEOUT_S, trust_env=False) as http:
        return {server: _info(http, predictor_url.format(server=server), server) for server in servers}


def _info(http: httpx.Client, url: str, server: str) -> Info:
    try:
        raw = http.get(f"{url}/info").raise_for_status().json()
        service = dict(raw["service"])
        if service["kind"] == "cpu":
            service["cost_factor"] = raw["cost_factor"]
        schema = [dict(feature) for feature in raw["feature_schema"]]
        counts = raw["capacity_per_s"], raw["services"], raw["services_slow"]
        return Info(server, raw["model_version"], schema, service, *counts)
    except httpx.HTTPError as error:
        raise UnreachableError(
            f"{url}/info does not answer: {error or type(error).__name__}",
            cause=f"{server} is down, or still starting",
            remedy=f"make ps; make logs SERVICE={server}",
        ) from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise UnreachableError(
            f"{url}/info does not say which model it serves: {error!r}",
            cause=f"{server} is not a predictor of this version of the lab",
            remedy="make up builds and starts the predictors again",
        ) from error
