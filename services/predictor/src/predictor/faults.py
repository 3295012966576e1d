"""Misbehaviour on request, so that the lab can see what a topology does about it.

Each fault ends by itself after `duration_s`, whatever became of the tool that set it. The routes
exist only with PREDICTOR_FAULTS=1, and HAProxy's public port never reaches them.
"""

import asyncio
import os
import random
import time
from collections.abc import Callable
from typing import Annotated, Any

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from .model import Probabilities

CRASH_EXIT_CODE = 70
_CRASH_AFTER_S = 0.05  # the reply to the request that asked for it gets out first
_CHUNK_BYTES = 4 * 2**20  # touched between two turns of the event loop
_PAGE_BYTES = 4096

Rate = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
Milliseconds = Annotated[float, Field(ge=0, le=60_000, allow_inf_nan=False)]


class FaultRequest(BaseModel):
    """What to do wrong, and for how long. What is left out stays right."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)

    duration_s: float = Field(gt=0, le=600, allow_inf_nan=False, description="the fault ends after this")
    latency_ms: Milliseconds = Field(default=0, description="added to each prediction, without using CPU")
    latency_jitter_ms: Milliseconds = Field(
        default=0, description="a uniform 0 to this is added to the latency"
    )
    error_rate: Rate = Field(default=0, description="share of predictions answered with 500")
    lost_request_rate: Rate = Field(
        default=0, description="share of predictions that are read, never begun and never answered"
    )
    lost_reply_rate: Rate = Field(
        default=0, description="share of predictions that are computed, logged and never answered"
    )
    reply_bytes_per_s: float = Field(
        default=0, ge=0, le=1_000_000, allow_inf_nan=False, description="0: bodies are sent at once"
    )
    wrong_rate: Rate = Field(default=0, description="share of inferences whose probabilities p become 1 - p")
    nan_rate: Rate = Field(default=0, description="share of inferences that give NaN")
    unready: bool = Field(default=False, description="/health/ready answers 503")
    refuse_connections: bool = Field(
        default=False, description="the port is closed: new connections are refused, open ones go on"
    )
    stuck_worker: bool = Field(default=False, description="a slot, a thread or the golden check hangs")
    memory_mb: int = Field(default=0, ge=0, le=65_536, description="allocated and touched")
    crash: bool = Field(default=False, description=f"the process exits with {CRASH_EXIT_CODE}")
    model_version: str | None = Field(
        default=None,
        pattern=r"^[A-Za-z0-9.+_-]{1,64}$",
        description="the version that the predictor claims to serve",
    )


HEALTHY = FaultRequest(duration_s=1)


class Faults:
    """The fault in force. It belongs to the event loop's thread. `clock` is monotonic, in s.

    A switch more is a field of FaultRequest and the place that asks for it: `active.FIELD`, or
    `happens(active.FIELD)` where it is a share.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._request: FaultRequest | None = None
        self._ends = 0.0  # monotonic, in seconds
        self._ballast: list[bytearray] = []
        self._release: Callable[[], None] | None = None
        self._over = asyncio.Event()
        self._random = random.Random()  # noqa: S311  not for secrets

    @property
    def active(self) -> FaultRequest:
        """The fault in force now; HEALTHY if there is none or its time is over."""
        if self._request is None:
            return HEALTHY
        if self._clock() >= self._ends:
            self.clear()
            return HEALTHY
        return self._request

    async def set(self, request: FaultRequest, occupy: Callable[[], Callable[[], None]]) -> None:
        """Put `request` in force in place of the one before.

        `occupy` keeps a slot or thread busy until the function that it returns is called.
        """
        self.clear()
        self._request = request
        self._ends = self._clock() + request.duration_s
        self._over.clear()
        loop = asyncio.get_running_loop()
        # The timer gives memory and slot back also when nobody asks; a newer fault is not ended by
        # it.
        loop.call_later(request.duration_s, lambda: self.clear() if self._request is request else None)
        if request.crash:
            loop.call_later(_CRASH_AFTER_S, os._exit, CRASH_EXIT_CODE)
        if request.stuck_worker:
            self._release = occupy()
        for _ in range(0, request.memory_mb * 2**20, _CHUNK_BYTES):
            if self._request is not request:
                return
            chunk = bytearray(_CHUNK_BYTES)
            chunk[::_PAGE_BYTES] = b"\x01" * (_CHUNK_BYTES // _PAGE_BYTES)  # untouched pages cost no memory
            self._ballast.append(chunk)
            await asyncio.sleep(0)

    def clear(self) -> None:
        """End the fault: release the slot or thread, free the memory."""
        self._request = None
        self._over.set()
        if self._release is not None:
            self._release()
            self._release = None
        self._ballast.clear()

    async def over(self) -> None:
        """Wait until the fault in force is over."""
        await self._over.wait()

    def report(self) -> dict[str, Any]:
        """Return the fault in force and how long it lasts, for GET /faults."""
        active = self.active
        remaining_s = max(0.0, self._ends - self._clock()) if self._request is not None else 0.0
        return {
            **active.model_dump(exclude={"duration_s"}),
            "active": self._request is not None,
            "remaining_s": round(remaining_s, 3),
        }

    def latency_s(self) -> float:
        """Return how long the next prediction is held up, in seconds."""
        active = self.active
        return (active.latency_ms + self._random.random() * active.latency_jitter_ms) / 1000

    def happens(self, share: float) -> bool:
        """Decide whether this time is among the `share` of times that a fault is for."""
        return self._random.random() < share

    def distort(self, probabilities: Probabilities) -> Probabilities:
        """Return what the model is made to say instead; the golden inputs go through here too."""
        active = self.active
        if self.happens(active.nan_rate):
            return np.full_like(probabilities, np.nan)
        if self.happens(active.wrong_rate):
            return 1 - probabilities
        return probabilities
