"""/predict, from the first byte of a request to its line in the log.

It is plain ASGI and is reached before FastAPI's routing, which costs more than the bare model's
inference does.
"""

import asyncio
import contextlib
import time
from collections.abc import MutableMapping
from dataclasses import dataclass
from typing import Any

from . import errors, replies
from .access_log import AccessLog, Entry
from .candidate import SAMPLE, Candidate, Rows, encode
from .engine import Answer, Engine
from .faults import Faults
from .health import Readiness
from .limits import Admission, Receive, read_body
from .metrics import Metrics
from .parsing import parse_candidates
from .replies import MODEL_VERSION, REQUEST_ID, SERVED_BY, Headers, Reply, Send
from .settings import Settings

_CLIENT_GONE = 499  # nginx' number for it; nobody receives it
_CLOSE = (b"connection", b"close")
_SILENCE_S = 60.0  # a client that waits longer for a lost reply gets a 500


@dataclass
class Predict:
    """Answers requests to /predict."""

    settings: Settings
    engine: Engine
    readiness: Readiness
    faults: Faults
    metrics: Metrics
    log: AccessLog

    def __post_init__(self) -> None:
        """Count the requests in progress."""
        limits = self.settings.concurrency_limit, self.settings.queue_limit_s
        self._admission = Admission(*limits, self.engine)
        self.metrics.in_progress.set_function(lambda: self._admission.in_progress)

    async def __call__(
        self, scope: MutableMapping[str, Any], receive: Receive, send: Send, request_id: str
    ) -> None:
        """Answer one request and record it; an unexpected error gets a 500 and is raised again."""
        started = time.perf_counter()
        entry = Entry(time.time(), request_id, self.settings.name, scope["method"], scope["path"])
        try:
            reply = await self._answer(scope, receive, entry)
        except errors.ClientGoneError:
            self._record(entry, _CLIENT_GONE, started)
            return
        except errors.RequestLostError:
            await _until_gone(receive)
            return
        except Exception:
            reply = replies.problem(
                500, "internal_error", "the predictor failed; its log has the cause", request_id
            )
            await reply.send(send, self._common_headers(request_id))
            self._record(entry, reply.status, started)
            raise
        if self.settings.faults and self.faults.happens(self.faults.active.lost_reply_rate):
            self._record(entry, reply.status, started)
            await _until_gone(receive)
            return
        await reply.send(send, self._common_headers(request_id), self._bytes_per_s)
        self._record(entry, reply.status, started)

    def _bytes_per_s(self) -> float:
        """Return how fast a body may be sent now; 0: at once."""
        return self.faults.active.reply_bytes_per_s if self.settings.faults else 0.0

    async def _answer(self, scope: MutableMapping[str, Any], receive: Receive, entry: Entry) -> Reply:
        """Admit the request and answer it, or refuse it at once."""
        if entry.method not in ("GET", "POST"):
            how = "POST a candidate or a list, or GET the sample's prediction"
            message = f"{entry.method} is not possible; {how}"
            return replies.problem(
                405, "method_not_allowed", message, entry.request_id, (b"allow", b"GET, POST")
            )
        try:
            with self._admission:
                return await self._admitted(scope, receive, entry)
        except errors.OverloadedError as error:
            return self._refuse(error, entry)
        except errors.InvalidRequestError as error:
            return replies.invalid_request(error, entry.request_id)
        except errors.BodyTooLargeError as error:
            return replies.problem(413, "body_too_large", str(error), entry.request_id, _CLOSE)
        except errors.BadAnswerError as error:
            return replies.problem(500, "bad_answer", str(error), entry.request_id)

    def _refuse(self, error: errors.OverloadedError, entry: Entry) -> Reply:
        self.metrics.refusals.inc()
        retry_after_s = self.settings.retry_after_s
        message = f"{self.settings.name}: {error}; try again in {retry_after_s} s"
        header = (b"retry-after", str(retry_after_s).encode())
        return replies.problem(429, "overloaded", message, entry.request_id, header)

    async def _admitted(self, scope: MutableMapping[str, Any], receive: Receive, entry: Entry) -> Reply:
        settings = self.settings
        try:
            limits = settings.max_body_bytes, settings.body_timeout_s
            body = await read_body(scope["headers"], receive, *limits)
        except TimeoutError:
            message = f"the body did not arrive within {settings.body_timeout_s:g} s"
            return replies.problem(408, "body_too_slow", message, entry.request_id, _CLOSE)
        candidates: list[Candidate] = [SAMPLE]
        as_list = False
        if entry.method == "POST":
            candidates, as_list = parse_candidates(body, settings.max_candidates)
        self._admission.check_queue()
        if settings.faults:
            if self.faults.happens(self.faults.active.lost_request_rate):
                raise errors.RequestLostError
            if latency_s := self.faults.latency_s():
                await asyncio.sleep(latency_s)
            if self.faults.happens(self.faults.active.error_rate):
                message = "told to fail (PUT /faults)"
                return replies.problem(500, "injected_error", message, entry.request_id)
        answer = await self._infer(encode(candidates), receive)
        entry.queue_ms = round(answer.queue_s * 1000, 3)
        entry.inference_ms = round(answer.inference_s * 1000, 3)
        entry.planned_ms = round(answer.planned_s * 1000, 3)
        entry.service_ms = round(answer.service_s * 1000, 3)
        entry.slow = answer.slow
        entry.candidates = len(candidates)
        self.metrics.queue.observe(answer.queue_s)
        self.metrics.inference.observe(answer.inference_s)
        self.metrics.candidates.inc(len(candidates))
        return replies.predictions(answer.result, as_list=as_list)

    async def _infer(self, rows: Rows, receive: Receive) -> Answer:
        """Infer; where that takes a while, give up for a client that has gone before its turn."""
        if not self.engine.queues:
            return await self.engine.infer(rows)
        inference = asyncio.ensure_future(self.engine.infer(rows))
        # After the body, the server's only further message is that the client disconnected.
        gone = asyncio.ensure_future(receive())
        gone.add_done_callback(lambda _: inference.cancel())
        try:
            return await inference
        except asyncio.CancelledError:
            if gone.done():
                what = "the client closed the connection before its answer was computed"
                raise errors.ClientGoneError(what) from None
            inference.cancel()
            raise
        finally:
            gone.cancel()

    def _common_headers(self, request_id: str) -> Headers:
        version = self.faults.active.model_version or self.engine.model.card.version
        pairs = ((SERVED_BY, self.settings.name), (REQUEST_ID, request_id), (MODEL_VERSION, version))
        headers = [(name, value.encode()) for name, value in pairs]
        if self.readiness.draining:
            headers.append(_CLOSE)  # so that the proxy does not use the connection again
        return headers

    def _record(self, entry: Entry, status: int, started: float) -> None:
        entry.status = status
        entry.duration_ms = round((time.perf_counter() - started) * 1000, 3)
        self.metrics.count(status)
        self.log.write(entry)


async def _until_gone(receive: Receive) -> None:
    """Stay silent until the client gives up, as if a packet had been lost."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_SILENCE_S):
            while (await receive())["type"] != "http.disconnect":
                pass
