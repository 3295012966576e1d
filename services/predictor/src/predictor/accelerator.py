"""An emulated accelerator: slots, each busy for a stated service time per inference.

The real inference runs inside its service; what it leaves of the service time is waited for without
CPU, as a server waits for its GPU. So capacity is slots / service time on any machine that keeps
up.

Requests are served in the order of their arrival. Each slot keeps a *schedule*: a service starts
when the one before it was due to end (or at its arrival, if that is later), not when the event loop
woke up for it. So the lateness of timers delays single replies and never adds up. Only a process
that stood still for longer than `_MADE_UP_S` starts anew from the present: its accelerator stood
still as well.

Everything here belongs to the event loop's thread.
"""

import asyncio
import random
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

T = TypeVar("T")

_MADE_UP_S = 0.1
_EARLY_S = 0.0005  # uvloop's timers count whole ms; what is due within half of one is due now
_SLOW_SHARE = 0.1  # of its stated time: a service that is late by more is slow


@dataclass(frozen=True)
class ServiceModel:
    """What the accelerator is stated to be: mean times in s, for one row and per further row.

    `cv` is the coefficient of variation of a service time: 0 is constant, above it the times are
    gamma-distributed, drawn from `seed`.
    """

    slots: int
    service_s: float
    row_s: float = 0.0
    cv: float = 0.0
    seed: str = ""

    def stated_s(self, rows: int) -> float:
        """Return the mean service time of a list of `rows` rows, in s."""
        return self.service_s + (rows - 1) * self.row_s


@dataclass(frozen=True)
class Served(Generic[T]):
    """The outcome of one inference, in s.

    Of the accelerator, and empty without: `planned_s` is the service time that it drew, `service_s`
    runs from the scheduled start to the reply; `slow` says that the difference is over the limit.
    """

    result: T
    queue_s: float
    inference_s: float
    planned_s: float = 0.0
    service_s: float = 0.0
    slow: bool = False


@dataclass(eq=False)
class _Service:
    """One stay in a slot. Times are the clock's, in s."""

    stated_s: float
    arrived: float
    begun: asyncio.Future[None]
    ended: asyncio.Future[None]
    held: bool = False  # it does not end by itself
    starts: float = 0.0
    planned_s: float = 0.0

    @property
    def due(self) -> float:
        return self.starts + self.planned_s


@dataclass(eq=False)
class _Slot:
    """One place for a service; `free_at` is when the last one was due to end."""

    free_at: float = 0.0
    service: _Service | None = field(default=None)


class Accelerator:
    """Serves inferences by the schedule of `model`; `clock` is monotonic, in s."""

    def __init__(self, model: ServiceModel, clock: Callable[[], float] = time.monotonic) -> None:
        self.model = model
        self.services = 0
        self.services_slow = 0
        self._clock = clock
        self._slots = [_Slot() for _ in range(model.slots)]
        self._waiting: deque[_Service] = deque()
        self._timer: asyncio.TimerHandle | None = None
        self._random = random.Random(model.seed)  # noqa: S311  not for secrets

    async def serve(self, work: Callable[[], T], stated_s: float) -> Served[T]:
        """Do `work` in a slot, for the service time stated for it; 0 takes none, in its turn.

        Cancelled while it waits, it gives up its place; in service, it keeps its slot to the end.
        """
        service = self._submit(stated_s)
        await service.begun
        started = self._clock()
        result = work()
        inference_s = self._clock() - started
        await service.ended
        took_s = self._clock() - service.starts
        slow = took_s - service.planned_s > _SLOW_SHARE * stated_s > 0
        if stated_s > 0:
            self.services += 1
            self.services_slow += slow
        queue_s = service.starts - service.arrived
        return Served(result, queue_s, inference_s, service.planned_s, took_s, slow)

    def hold(self) -> Callable[[], None]:
        """Occupy a slot, in turn, until the returned function is called: a stuck worker."""
        service = self._submit(0, held=True)

        def release() -> None:
            service.held = False
            if service.begun.done():
                service.planned_s = max(0.0, self._clock() - service.starts)
                self._advance()
            else:
                service.begun.cancel()

        return release

    def backlog_s(self) -> float:
        """Return how long a service that is submitted now should have to wait for a slot, in s."""
        now = self._clock()
        free = [max(now, slot.service.due if slot.service else slot.free_at) for slot in self._slots]
        for service in self._waiting:
            if not service.begun.cancelled():
                first = free.index(min(free))
                free[first] += service.stated_s
        return min(free) - now

    def longest_overrun_s(self) -> float:
        """Return by how much a service is over its time, at most; 0 if none is."""
        self._advance()  # after a pause of the process, its timers may not have been looked at yet
        now = self._clock()
        return max((now - slot.service.due for slot in self._slots if slot.service), default=0.0)

    def _submit(self, stated_s: float, *, held: bool = False) -> _Service:
        loop = asyncio.get_running_loop()
        service = _Service(stated_s, self._clock(), loop.create_future(), loop.create_future(), held)
        self._waiting.append(service)
        self._advance()
        return service

    def _advance(self) -> None:
        """End what is due, in order, and begin what waited for it; then set the timer."""
        now = self._clock()
        while True:
            self._begin_waiting(now)
            running = [(slot.service, slot) for slot in self._slots if slot.service and not slot.service.held]
            first, slot = min(running, key=lambda pair: pair[0].due, default=(None, None))
            if first is None or slot is None or first.due > now + _EARLY_S:
                break
            _end(slot, first)
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if first is not None:
            self._timer = asyncio.get_running_loop().call_later(first.due - now, self._advance)

    def _begin_waiting(self, now: float) -> None:
        while self._waiting:
            idle = [slot for slot in self._slots if slot.service is None]
            if not idle:
                return
            service = self._waiting.popleft()
            if service.begun.cancelled():
                continue
            slot = min(idle, key=lambda slot: slot.free_at)
            starts = max(service.arrived, slot.free_at)
            service.starts = starts if now - starts <= _MADE_UP_S else now
            service.planned_s = self._draw(service.stated_s)
            slot.service = service
            service.begun.set_result(None)

    def _draw(self, stated_s: float) -> float:
        cv = self.model.cv
        if cv == 0 or stated_s == 0:
            return stated_s
        return self._random.gammavariate(1 / cv**2, stated_s * cv**2)


def _end(slot: _Slot, service: _Service) -> None:
    slot.free_at = service.due
    if not service.ended.done():  # its client may have gone
        service.ended.set_result(None)
    slot.service = None
