"""The application: which path is answered by what, and what runs beside the requests."""

import asyncio
import contextlib
import sys
import time
from collections.abc import AsyncIterator, Callable, MutableMapping
from pathlib import Path
from typing import Any

import onnxruntime as ort  # type: ignore[import-untyped, unused-ignore]
from fastapi import Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from starlette.exceptions import HTTPException

from .access_log import AccessLog
from .endpoint import Predict
from .engine import Engine
from .errors import Detail, InvalidRequestError
from .faults import FaultRequest, Faults
from .health import Readiness
from .limits import Receive
from .metrics import Metrics
from .model import Model
from .openapi import Api
from .parsing import describe
from .replies import REQUEST_ID, SERVED_BY, Reply, Send, invalid_request, problem, request_id_of
from .settings import Settings

_METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class Predictor:
    """The ASGI application of one predictor.

    Loading the model is part of making one; raises ModelError.
    """

    def __init__(self, settings: Settings, clock: Callable[[], float] = time.monotonic) -> None:
        self.settings = settings
        self.faults = Faults(clock)
        self.engine = Engine(
            Model(Path(settings.model_path)),
            settings,
            distort=self.faults.distort if settings.faults else None,
            clock=clock,
        )
        self.readiness = Readiness(self.engine, settings, self.faults, clock)
        self.metrics = Metrics(self.engine.accelerator)
        self.log = AccessLog(sys.stdout if settings.access_log else None)
        parts = self.engine, self.readiness, self.faults, self.metrics, self.log
        self._predict = Predict(settings, *parts)
        self._api = self._make_api()
        self.metrics.ready.set_function(lambda: self.readiness.verdict.ready)
        self.metrics.info.info(
            {
                "server": settings.name,
                "model_version": self.engine.model.card.version,
                "mode": self.engine.mode,
                "kind": self.engine.service()["service"]["kind"],
                "capacity_per_s": str(self.engine.service()["capacity_per_s"] or ""),
            }
        )

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        """Answer /predict directly, leave all else to FastAPI.

        Every reply names server and request.
        """
        if scope["type"] != "http":
            await self._api(scope, receive, send)
            return
        request_id = request_id_of(scope["headers"])
        if scope["path"] == "/predict":
            await self._predict(scope, receive, send, request_id)
            return
        scope["request_id"] = request_id
        names = [(SERVED_BY, self.settings.name.encode()), (REQUEST_ID, request_id.encode())]

        async def send_named(message: MutableMapping[str, Any]) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", []), *names]
            await send(message)

        await self._api(scope, receive, send_named)

    @contextlib.asynccontextmanager
    async def _lifespan(self, _: Any) -> AsyncIterator[None]:
        watch = asyncio.create_task(self.readiness.watch())
        try:
            yield
        finally:
            watch.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await watch
            self.faults.clear()
            self.log.flush()

    def info(self) -> dict[str, Any]:
        """Return what serves here: the content of GET /info."""
        settings, engine = self.settings, self.engine
        card = engine.model.card
        stated = ("holdout_accuracy", "holdout_candidates", "trees", "training_data", "feature_schema")
        return {
            "server": settings.name,
            "model_version": self.faults.active.model_version or card.version,
            **{name: getattr(card, name) for name in stated},
            "golden_inputs": len(card.golden),
            "cost_factor": engine.cost_factor,
            "inference_ms": round(engine.inference_ms, 4),
            "mode": engine.mode,
            **engine.service(),
            "workers": settings.workers,
            "concurrency_limit": settings.concurrency_limit,
            "max_candidates": settings.max_candidates,
            "faults_allowed": settings.faults,
            "onnxruntime": ort.__version__,
            "python": sys.version.split()[0],
        }

    def _make_api(self) -> Api:
        api = Api(
            title="HADR Lab predictor",
            description="A random forest on synthetic campus-placement candidates, served by ONNX Runtime.",
            version=self.engine.model.card.version,
            lifespan=self._lifespan,
            # Without an exporter FastAPI's tracing records nothing, and still takes its time on
            # each request.
            telemetry={"tracing": False, "metrics": False, "logs": False, "auto_configure": False},
            max_body_size=self.settings.max_body_bytes,
            redoc_url=None,
        )

        @api.get("/health/live", summary="The process answers")
        async def live() -> dict[str, str]:
            return {"status": "alive", "server": self.settings.name}

        @api.get("/health/ready", summary="The golden inputs were answered rightly, a moment ago")
        async def ready() -> JSONResponse:
            verdict = self.readiness.verdict
            content = {"ready": verdict.ready, "reason": verdict.reason, "server": self.settings.name}
            return JSONResponse(content, 200 if verdict.ready else 503)

        @api.get("/metrics", summary="Prometheus metrics")
        async def metrics() -> Response:
            return Response(self.metrics.exposition(), headers={"content-type": _METRICS_TYPE})

        @api.get("/info", summary="Model, service model, limits")
        async def info() -> dict[str, Any]:
            return self.info()

        if self.settings.faults:
            self._add_fault_routes(api)
        api.add_exception_handler(HTTPException, _on_http_exception)
        api.add_exception_handler(RequestValidationError, _on_invalid)
        api.add_exception_handler(Exception, _on_failure)
        return api

    def _add_fault_routes(self, api: Api) -> None:
        @api.get("/faults", summary="The fault in force")
        async def get_faults() -> dict[str, Any]:
            return self.faults.report()

        @api.put("/faults", summary="Misbehave for a while")
        async def put_faults(request: FaultRequest) -> dict[str, Any]:
            await self.faults.set(request, self.engine.occupy)
            return self.faults.report()

        @api.delete("/faults", summary="Behave again")
        async def delete_faults() -> dict[str, Any]:
            self.faults.clear()
            return self.faults.report()


def _as_response(reply: Reply) -> Response:
    headers = {name.decode(): value.decode() for name, value in reply.headers}
    return Response(reply.body, reply.status, headers, media_type="application/json")


def _as_text(value: Any) -> Any:
    """Return a body that was not declared as JSON, and so was not read as such, as text."""
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else value


async def _on_http_exception(request: Request, error: Exception) -> Response:
    """Answer for a path or method that does not exist, in the form of all other errors."""
    assert isinstance(error, HTTPException)  # noqa: S101  FastAPI calls it for these only
    word = str(error.detail).lower().replace(" ", "_")
    message = f"{request.method} {request.url.path[:200]}: {error.detail}"
    headers = [(name.encode(), value.encode()) for name, value in (error.headers or {}).items()]
    return _as_response(problem(error.status_code, word, message, request.scope["request_id"], *headers))


async def _on_failure(request: Request, _: Exception) -> Response:
    """Answer for an error in the predictor's own code; the server logs it after this."""
    message = "the predictor failed; its log has the cause"
    return _as_response(problem(500, "internal_error", message, request.scope["request_id"]))


async def _on_invalid(request: Request, error: Exception) -> Response:
    """Answer for a body that FastAPI refused: that of PUT /faults."""
    assert isinstance(error, RequestValidationError)  # noqa: S101  FastAPI calls it for these only
    details = tuple(
        Detail(
            ".".join(str(part)[:60] for part in found["loc"][1:]) or "(body)",
            "missing" if found["type"] == "missing" else describe(_as_text(found.get("input"))),
            found["msg"],
        )
        for found in error.errors()[:20]
    )
    return _as_response(invalid_request(InvalidRequestError(details), request.scope["request_id"]))
