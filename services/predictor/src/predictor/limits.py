"""Admission: bounded are the requests in progress and the seconds of work.

What is over is refused at once.

A refused client knows within a millisecond and can go elsewhere; a queued one learns it by its own
time-out, after the work was done for nobody.
"""

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from .engine import Engine
from .errors import BodyTooLargeError, ClientGoneError, OverloadedError

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]


class Admission:
    """Counts the requests in progress, `limit` at most, and knows what they have still to compute.

    A request takes its place with `with`, which raises OverloadedError if there is none.
    """

    def __init__(self, limit: int, queue_limit_s: float, engine: Engine) -> None:
        self._limit = limit
        self._queue_limit_s = queue_limit_s
        self._engine = engine
        self.in_progress = 0

    def __enter__(self) -> None:
        if self.in_progress >= self._limit:
            raise OverloadedError(f"{self._limit} requests are in progress, the limit")
        self.check_queue()
        self.in_progress += 1

    def check_queue(self) -> None:
        """Raise OverloadedError if the work that waits would make the answer come too late.

        The number of requests does not tell: a few long lists take longer than many single
        candidates. It is checked when a request arrives, so that refusing is cheap, and again when
        its body has, because others came meanwhile.
        """
        wait_s = self._engine.backlog_s()
        if wait_s > self._queue_limit_s:
            limit = f"the limit of {self._queue_limit_s:g} s"
            raise OverloadedError(f"{wait_s:.2g} s of work wait, above {limit}")

    def __exit__(self, *_: object) -> None:
        self.in_progress -= 1


async def read_body(
    headers: list[tuple[bytes, bytes]], receive: Receive, limit: int, timeout_s: float
) -> bytes:
    """Return at most `limit` bytes of the request's body, with a declared length or without.

    Raises BodyTooLargeError, ClientGoneError, or TimeoutError after `timeout_s` seconds.
    """
    for name, value in headers:
        # A value that is no number never comes here: the HTTP parser has refused the request.
        if name == b"content-length" and int(value) > limit:
            raise BodyTooLargeError(f"the body has {int(value)} bytes; at most {limit} are taken")
    async with asyncio.timeout(timeout_s):
        parts: list[bytes] = []
        size = 0
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise ClientGoneError("the client closed the connection while sending the body")
            part = message.get("body", b"")
            size += len(part)
            if size > limit:
                raise BodyTooLargeError(f"the body has more than {limit} bytes")
            parts.append(part)
            if not message.get("more_body", False):
                return b"".join(parts)
