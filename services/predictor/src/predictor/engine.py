"""Inference that never holds up the event loop, at the cost that the settings ask for.

By default the real inference runs inside an emulated accelerator, which gives it a stated service
time (accelerator.py). Without one (`service_ms` 0) it is the bare model, or, with a cost factor
above 1, the real inference repeated so often that it costs the CPU what a larger model costs:
nothing is slept or spun.

The engine then measures at start what the longest list takes, repetitions included. Below
`inline_limit_ms` all runs on the event loop, because a thread hop costs more than such an
inference; above, in a pool of threads, during which ONNX Runtime releases Python's lock and the
event loop goes on answering health checks and refusals.
"""

import asyncio
import statistics
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from .accelerator import Accelerator, Served, ServiceModel
from .candidate import SAMPLE, Rows, encode
from .model import Model, Probabilities, checked
from .pool import Pool
from .settings import Settings

_MEASURED_RUNS = 30
_MEASURED_ROWS = 100

Distortion = Callable[[Probabilities], Probabilities]


Answer = Served[list[float]]
"""A probability per row, and where the time went."""


@dataclass(frozen=True)
class Cost:
    """What a single run of the bare model takes.

    `run_s` with one row, `row_s` more per further row, in s.
    """

    run_s: float
    row_s: float

    def expected_s(self, rows: int, repeats: int) -> float:
        """Return how long an inference of `rows` rows should take, repeated `repeats` times."""
        return repeats * (self.run_s + (rows - 1) * self.row_s)


def measure(model: Model) -> Cost:
    """Time the bare model: medians, because a busy machine interrupts some runs in their middle."""
    run_s = _median_s(model, encode([SAMPLE]))
    many_s = _median_s(model, encode([SAMPLE] * _MEASURED_ROWS))
    return Cost(run_s, max(0.0, (many_s - run_s) / (_MEASURED_ROWS - 1)))


def _median_s(model: Model, rows: Rows) -> float:
    times = []
    for _ in range(_MEASURED_RUNS):
        started = time.perf_counter()
        model.probabilities(rows)
        times.append(time.perf_counter() - started)
    return statistics.median(times)


class Engine:
    """Runs a model for many requests.

    All methods but the work itself belong to the event loop's thread.
    """

    def __init__(
        self,
        model: Model,
        settings: Settings,
        *,
        distort: Distortion | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.model = model
        self.cost_factor = settings.cost_factor
        self.cost = measure(model)
        # The CPU time of one inference; on less than a core of its own it takes longer.
        self.inference_ms = 1000 * self.cost.expected_s(1, self.cost_factor)
        self.accelerator: Accelerator | None = None
        self.pool: Pool | None = None
        if settings.service_ms > 0:
            self.accelerator = Accelerator(_service_model(settings), clock)
        # The longest list that may come decides: nothing may hold up the event loop.
        elif (
            self.cost.expected_s(settings.max_candidates, self.cost_factor) >= settings.inline_limit_ms / 1000
        ):
            self.pool = Pool(settings.workers, clock)
        self._queue = self.accelerator or self.pool
        self._distort = distort

    @property
    def mode(self) -> str:
        """`accelerator` (emulated), `inline` (on the event loop) or `pool` (in threads)."""
        if self.accelerator is not None:
            return "accelerator"
        return "inline" if self.pool is None else "pool"

    @property
    def queues(self) -> bool:
        """Return whether an inference may have to wait for its turn."""
        return self._queue is not None

    def backlog_s(self) -> float:
        """Return how long an inference that is asked for now should have to wait, in seconds."""
        return 0.0 if self._queue is None else self._queue.backlog_s()

    def longest_overrun_s(self) -> float:
        """Return by how much a running inference is over its time, at most, in seconds."""
        return 0.0 if self._queue is None else self._queue.longest_overrun_s()

    def occupy(self) -> Callable[[], None]:
        """Keep one slot or thread busy until the returned function is called.

        Inline there is none.
        """
        if self.accelerator is not None:
            return self.accelerator.hold()
        released = threading.Event()
        if self.pool is not None:
            self.pool.submit(released.wait, expected_s=0)
        return released.set

    def service(self) -> dict[str, Any]:
        """Return how an inference is served, and the capacity; None where the machine decides."""
        capacity_per_s = None
        service: dict[str, Any] = {"kind": "bare" if self.cost_factor == 1 else "cpu"}
        if self.accelerator is not None:
            model = self.accelerator.model
            capacity_per_s = model.slots / model.service_s
            service = {
                "kind": "emulated",
                "slots": model.slots,
                "service_ms": 1000 * model.service_s,
                "row_ms": 1000 * model.row_s,
                "cv": model.cv,
                "seed": model.seed,
            }
        return {
            "service": service,
            "capacity_per_s": capacity_per_s,
            "services": self.accelerator.services if self.accelerator else 0,
            "services_slow": self.accelerator.services_slow if self.accelerator else 0,
        }

    async def infer(self, rows: Rows) -> Answer:
        """Run the model on `rows` at its full cost.

        Cancelling the caller while it waits for its turn spares the work. Raises BadAnswerError if
        the model answers anything but probabilities.
        """
        stated_s = self.accelerator.model.stated_s(len(rows)) if self.accelerator else 0.0
        return await self._infer(rows, stated_s, self.cost_factor)

    async def prove(self, rows: Rows) -> Answer:
        """Run the model on golden inputs: in their turn, without taking capacity."""
        return await self._infer(rows, 0.0, 1)

    async def _infer(self, rows: Rows, stated_s: float, repeats: int) -> Answer:
        if self.accelerator is not None:
            served = await self.accelerator.serve(lambda: self.model.probabilities(rows), stated_s)
            return Answer(**{**vars(served), "result": self._checked(served.result)})
        if self.pool is None:
            probabilities, took_s = self._run(rows, repeats)
            return Answer(self._checked(probabilities), 0.0, took_s)
        job = self.pool.submit(lambda: self._run(rows, repeats), self.cost.expected_s(len(rows), repeats))
        probabilities, took_s = await asyncio.wrap_future(job.future)
        return Answer(self._checked(probabilities), (job.started or job.submitted) - job.submitted, took_s)

    def _checked(self, probabilities: Probabilities) -> list[float]:
        return checked(self._distort(probabilities) if self._distort else probabilities)

    def _run(self, rows: Rows, repeats: int) -> tuple[Probabilities, float]:
        started = time.perf_counter()
        for _ in range(repeats):
            probabilities = self.model.probabilities(rows)
        return probabilities, time.perf_counter() - started


def _service_model(settings: Settings) -> ServiceModel:
    return ServiceModel(
        settings.slots,
        settings.service_ms / 1000,
        settings.service_row_ms / 1000,
        settings.service_cv,
        # Another sequence of service times on each server, the same ones in each life of it.
        f"{settings.service_seed}:{settings.name}",
    )
