"""Readiness: proven by inference, in this process, a moment ago.

A background task sends the golden inputs the way that requests go, through the same thread pool, and compares
the outputs with those stored at training. /health/ready only reads the verdict, so asking is cheap.

Overload is not failure: a predictor that works its way through a long queue stays ready. What fails is one
whose work does not go on: a thread whose job is `golden_grace_s` over its time, which is found about a second
after it got stuck, or, as a backstop, a golden check that waits for many times the work before it.
"""

import asyncio
import time
from dataclasses import dataclass

import numpy as np

from .engine import Engine
from .errors import BadAnswerError
from .faults import Faults
from .settings import Settings

_BACKLOG_PATIENCE = 10  # times the expected time of the work before a golden check


@dataclass(frozen=True)
class Verdict:
    """Whether the predictor is ready, and why, in a sentence."""

    ready: bool
    reason: str


class Readiness:
    """Knows whether this predictor may get traffic. `draining` turns it unready for good."""

    def __init__(self, engine: Engine, settings: Settings, faults: Faults) -> None:
        self._engine = engine
        self._settings = settings
        self._faults = faults
        self._last = Verdict(ready=False, reason="the golden inputs have not been answered yet")
        self._fresh_until = float("inf")  # monotonic, in seconds: when the last verdict is too old to count
        self.draining = False

    @property
    def verdict(self) -> Verdict:
        """The verdict now."""
        name = self._settings.name
        if self.draining:
            return Verdict(ready=False, reason=f"{name} is stopping")
        if self._faults.active.unready:
            return Verdict(ready=False, reason=f"{name} was told to be unready (PUT /faults)")
        pool = self._engine.pool
        if pool is not None and (overrun_s := pool.longest_overrun_s()) > self._settings.golden_grace_s:
            reason = f"an inference thread is stuck: its job is {overrun_s:.1f} s over its time"
            return Verdict(ready=False, reason=reason)
        if self._last.ready and time.monotonic() > self._fresh_until:
            return Verdict(ready=False, reason="the last proof by golden inputs is too old")
        return self._last

    async def watch(self) -> None:
        """Check the golden inputs for ever, every `golden_interval_s`."""
        while True:
            deadline_s = self._deadline_s()
            # Until this check and its successor are due, the verdict before them counts.
            self._fresh_until = time.monotonic() + 2 * (self._settings.golden_interval_s + deadline_s)
            self._last = await self._check(deadline_s)
            await asyncio.sleep(self._settings.golden_interval_s)

    def _deadline_s(self) -> float:
        backlog_s = 0.0 if self._engine.pool is None else self._engine.pool.backlog_s()
        return self._settings.golden_grace_s + _BACKLOG_PATIENCE * backlog_s

    async def _check(self, deadline_s: float) -> Verdict:
        """Run the golden inputs once, without the cost factor, and judge the answer."""
        model = self._engine.model
        try:
            async with asyncio.timeout(deadline_s):
                await self._hang_if_told()
                answer = await self._engine.infer(model.golden_rows, repeats=1)
        except TimeoutError:
            return Verdict(ready=False, reason=f"the golden inputs got no answer within {deadline_s:.1f} s")
        except BadAnswerError as error:
            return Verdict(ready=False, reason=f"golden inputs: {error}")
        deviations = np.abs(np.array(answer.probabilities) - model.golden_expected)
        worst = int(deviations.argmax())
        if not deviations[worst] <= self._settings.golden_tolerance:
            return Verdict(
                ready=False,
                reason=f"golden input {worst} got {answer.probabilities[worst]:.4f} instead of "
                f"{float(model.golden_expected[worst]):.4f}: the model answers wrong",
            )
        return Verdict(ready=True, reason=f"{len(deviations)} golden inputs were answered as expected")

    async def _hang_if_told(self) -> None:
        """Without a thread that could be stuck, the fault `stuck_worker` holds up the golden check itself."""
        if self._engine.pool is None and self._faults.active.stuck_worker:
            await self._faults.over()
