"""Readiness: proven by inference, in this process, a moment ago.

A background task sends the golden inputs the way that requests go, in their turn through the same
accelerator or thread pool, and compares the outputs with those stored at training. They cost the
real inference and no service time, so a check takes nothing of the stated capacity. /health/ready
only reads the verdict, so asking is cheap.

Overload is not failure: a predictor that works its way through a long queue stays ready. What fails
is one whose work does not go on: a slot or thread that is `golden_grace_s` over its time, or, as a
backstop, a golden check that waits for many times the work before it.
"""

import asyncio
import time
from collections.abc import Callable
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

    def __init__(
        self,
        engine: Engine,
        settings: Settings,
        faults: Faults,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._engine = engine
        self._settings = settings
        self._faults = faults
        self._clock = clock
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
        if (overrun_s := self._engine.longest_overrun_s()) > self._settings.golden_grace_s:
            what = "a slot of the accelerator" if self._engine.accelerator else "an inference thread"
            reason = f"{what} is stuck: its work is {overrun_s:.1f} s over its time"
            return Verdict(ready=False, reason=reason)
        if self._last.ready and self._clock() > self._fresh_until:
            return Verdict(ready=False, reason="the last proof by golden inputs is too old")
        return self._last

    async def watch(self) -> None:
        """Check the golden inputs for ever, every `golden_interval_s`."""
        while True:
            deadline_s = self._deadline_s()
            # Until this check and its successor are due, the verdict before them counts.
            self._fresh_until = self._clock() + 2 * (self._settings.golden_interval_s + deadline_s)
            self._last = await self._check(deadline_s)
            await asyncio.sleep(self._settings.golden_interval_s)

    def _deadline_s(self) -> float:
        return self._settings.golden_grace_s + _BACKLOG_PATIENCE * self._engine.backlog_s()

    async def _check(self, deadline_s: float) -> Verdict:
        """Run the golden inputs once and judge the answer."""
        model = self._engine.model
        try:
            async with asyncio.timeout(deadline_s):
                await self._hang_if_told()
                answer = await self._engine.prove(model.golden_rows)
        except TimeoutError:
            return Verdict(ready=False, reason=f"the golden inputs got no answer within {deadline_s:.1f} s")
        except BadAnswerError as error:
            return Verdict(ready=False, reason=f"golden inputs: {error}")
        deviations = np.abs(np.array(answer.result) - model.golden_expected)
        worst = int(deviations.argmax())
        if not deviations[worst] <= self._settings.golden_tolerance:
            got, due = answer.result[worst], float(model.golden_expected[worst])
            reason = f"golden input {worst} got {got:.4f} instead of {due:.4f}: the model answers wrong"
            return Verdict(ready=False, reason=reason)
        return Verdict(ready=True, reason=f"{len(deviations)} golden inputs were answered as expected")

    async def _hang_if_told(self) -> None:
        """Where nothing queues, the fault `stuck_worker` holds up the golden check itself."""
        if not self._engine.queues and self._faults.active.stuck_worker:
            await self._faults.over()
