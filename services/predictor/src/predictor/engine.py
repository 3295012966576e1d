"""Inference that never holds up the event loop, at the cost that the settings ask for.

The cost factor makes this small model as expensive as a larger one by repeating the real inference: nothing
is slept or spun. At start the engine measures what the longest list takes, repetitions included. Below
`inline_limit_ms` all runs on the event loop, because a thread hop costs more than such an inference; above,
in a pool of threads, during which ONNX Runtime releases Python's lock and the event loop goes on answering
health checks and refusals.
"""

import asyncio
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass

from .candidate import SAMPLE, Rows, encode
from .model import Model, Probabilities, checked
from .pool import Pool

_MEASURED_RUNS = 30
_MEASURED_ROWS = 100

Distortion = Callable[[Probabilities], Probabilities]


@dataclass(frozen=True)
class Answer:
    """The outcome of one inference: a probability per row, and where the time went, in seconds."""

    probabilities: list[float]
    queue_s: float
    inference_s: float


@dataclass(frozen=True)
class Cost:
    """What a single run of the bare model takes: `run_s` with one row, `row_s` more per further row, in s."""

    run_s: float
    row_s: float

    def expected_s(self, rows: int, repeats: int) -> float:
        """Return how long an inference of `rows` rows should take when it is repeated `repeats` times."""
        return repeats * (self.run_s + (rows - 1) * self.row_s)


def measure(model: Model) -> Cost:
    """Time the bare model: medians, because the kernel throttles a container in the middle of some runs."""
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
    """Runs a model for many requests; all methods but the work itself belong to the event loop's thread."""

    def __init__(
        self,
        model: Model,
        *,
        cost_factor: int,
        workers: int,
        inline_limit_ms: float,
        max_rows: int = 1,
        distort: Distortion | None = None,
    ) -> None:
        self.model = model
        self.cost_factor = cost_factor
        self.cost = measure(model)
        # The CPU time of one inference; a CPU quota below one core stretches it further.
        self.inference_ms = 1000 * self.cost.expected_s(1, cost_factor)
        # The longest list that may come decides: nothing may hold up the event loop.
        longest_ms = 1000 * self.cost.expected_s(max_rows, cost_factor)
        self.pool = None if longest_ms < inline_limit_ms else Pool(workers)
        self._distort = distort

    @property
    def mode(self) -> str:
        """`inline` (on the event loop) or `pool` (in threads)."""
        return "inline" if self.pool is None else "pool"

    async def infer(self, rows: Rows, repeats: int | None = None) -> Answer:
        """Run the model on `rows`, `repeats` times (default: the cost factor).

        Cancelling the caller while its job waits for a thread spares the work. Raises BadAnswerError if the
        model answers anything but probabilities.
        """
        times = repeats or self.cost_factor
        if self.pool is None:
            probabilities, took_s = self._run(rows, times)
            queue_s = 0.0
        else:
            job = self.pool.submit(lambda: self._run(rows, times), self.cost.expected_s(len(rows), times))
            probabilities, took_s = await asyncio.wrap_future(job.future)
            queue_s = (job.started or job.submitted) - job.submitted
        if self._distort is not None:
            probabilities = self._distort(probabilities)
        return Answer(checked(probabilities), queue_s, took_s)

    def _run(self, rows: Rows, repeats: int) -> tuple[Probabilities, float]:
        started = time.perf_counter()
        for _ in range(repeats):
            probabilities = self.model.probabilities(rows)
        return probabilities, time.perf_counter() - started
