"""An event loop whose clock the test moves: it never waits, and jumps to its next timer instead."""

import asyncio
import contextlib
import selectors
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from predictor.app import Predictor
from predictor.faults import FaultRequest
from predictor.settings import Settings

from .conftest import environment

T = TypeVar("T")


class _Jumping(selectors.DefaultSelector):
    """Waits for nothing: a wait moves the time on by as much. `now` is in s."""

    now = 1000.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        assert timeout is not None, "nothing is left that could ever happen"
        self.now += max(0.0, timeout)
        return super().select(0)


class MovedLoop(asyncio.SelectorEventLoop):
    """Runs coroutines in no time at all, by their own clock."""

    def __init__(self) -> None:
        self._jumping = _Jumping()
        super().__init__(self._jumping)

    def time(self) -> float:
        return self._jumping.now

    def stall(self, duration_s: float) -> None:
        """Let time pass in which this process does nothing, as on a busy machine."""
        self._jumping.now += duration_s


def moved(test: Callable[[MovedLoop], Awaitable[T]]) -> T:
    """Run a test's coroutine on such a loop."""
    loop = MovedLoop()

    async def main() -> T:
        return await test(loop)

    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        return runner.run(main())


@dataclass
class Reply:
    """What an application sent; `status` 0: nothing.

    `after_s` is the loop's time from the request on.
    """

    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    after_s: float = 0.0


async def predict(app: Predictor, content: bytes, gone: asyncio.Event | None = None) -> Reply:
    """POST `content` to /predict, without a network; once `gone` is set the client has left."""
    loop = asyncio.get_running_loop()
    begun = loop.time()
    messages: list[dict[str, Any]] = [{"type": "http.request", "body": content, "more_body": False}]
    reply = Reply()

    async def receive() -> dict[str, Any]:
        if messages:
            return messages.pop()
        await (gone or asyncio.Event()).wait()
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        if message["type"] == "http.response.start":
            reply.status = message["status"]
            reply.headers = {name.decode(): value.decode() for name, value in message["headers"]}
        reply.body += message.get("body", b"")

    scope = {"type": "http", "method": "POST", "path": "/predict", "headers": []}
    await app(scope, receive, send)
    reply.after_s = round(loop.time() - begun, 6)
    return reply


@contextlib.asynccontextmanager
async def serving(loop: MovedLoop, model_path: Path, **settings: object) -> AsyncIterator[Predictor]:
    """Run a predictor on the loop, emulated if nothing else is set, until it is ready."""
    values = {"service_ms": 20, "golden_interval_s": 0.5, "golden_grace_s": 1, "access_log": 0, **settings}
    app = Predictor(Settings.load(environment(model_path, **values)), loop.time)
    watch = asyncio.ensure_future(app.readiness.watch())
    await asyncio.sleep(0.001)
    assert app.readiness.verdict.ready
    try:
        yield app
    finally:
        watch.cancel()


async def put_fault(app: Predictor, **fault: object) -> None:
    """Tell the predictor to misbehave, for ten seconds if nothing else is said."""
    await app.faults.set(FaultRequest.model_validate({"duration_s": 10, **fault}), app.engine.occupy)
