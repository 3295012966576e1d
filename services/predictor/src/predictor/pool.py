"""A bounded pool of inference threads.

First come, first served, and never silent about a stuck job.

Python's own ThreadPoolExecutor tells neither how much work waits nor how long a job has been
running, and waits for a stuck thread when the process ends. Its futures are used; the threads here
are daemons.
"""

import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Generic, TypeVar

T = TypeVar("T")

_ALLOWANCE = 3.0  # times its expected time, before a job counts as over it
_STRETCH_WEIGHT = 0.2  # of the newest job in the moving average
_STRETCH_MAX = 20.0  # beyond this a job is stuck rather than slow
_STRETCH_SHORTEST_S = 0.001  # shorter jobs say nothing: one pause by the kernel is many times their length


@dataclass(eq=False)
class Job(Generic[T]):
    """One piece of work. Times are monotonic, in s.

    `expected_s` is how long it runs on a core of its own.
    """

    work: Callable[[], T]
    expected_s: float
    future: Future[T] = field(default_factory=Future)
    clock: Callable[[], float] = time.monotonic
    submitted: float = 0.0
    started: float | None = None

    def run(self) -> None:
        """Do the work, unless it was cancelled while it waited.

        The future gets the result or the error.
        """
        if not self.future.set_running_or_notify_cancel():
            return
        self.started = self.clock()
        try:
            result = self.work()
        except BaseException as error:  # noqa: BLE001  the future carries it to whoever awaits the job
            self.future.set_exception(error)
        else:
            self.future.set_result(result)


class Pool:
    """`workers` daemon threads that take jobs in the order of their submission.

    Jobs run longer than expected where the container has less than a core, or the machine is busy.
    The pool follows by how much, in a moving average (`_stretch`), so that slow is not mistaken for
    stuck.
    """

    def __init__(self, workers: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._pending: deque[Job[object]] = deque()
        self._running: list[Job[object]] = []
        self._wake = threading.Condition()
        for number in range(workers):
            threading.Thread(target=self._work, name=f"inference-{number}", daemon=True).start()
        self._workers = workers
        self._stretch = 1.0
        self._stretch_known = False

    def submit(self, work: Callable[[], T], expected_s: float) -> Job[T]:
        """Queue `work`; cancelling the job's future before it starts spares the work."""
        job = Job(work, expected_s, clock=self._clock, submitted=self._clock())
        with self._wake:
            self._pending.append(job)  # type: ignore[arg-type]
            self._wake.notify()
        return job

    def backlog_s(self) -> float:
        """Return how long a job submitted now should have to wait for a thread, in seconds."""
        with self._wake:
            waiting = sum(job.expected_s for job in self._pending if not job.future.cancelled())
            running = sum(job.expected_s for job in self._running)
            return self._stretch * (waiting + running) / self._workers

    def longest_overrun_s(self) -> float:
        """Return by how much a running job is over its time, at most; 0 if none is."""
        now = self._clock()
        with self._wake:
            started = [(job.started, job.expected_s) for job in self._running if job.started is not None]
            allowance = _ALLOWANCE * self._stretch
        return max((now - start - allowance * expected_s for start, expected_s in started), default=0.0)

    def _work(self) -> None:
        while True:
            with self._wake:
                while not self._pending:
                    self._wake.wait()
                job = self._pending.popleft()
                self._running.append(job)
            job.run()
            with self._wake:
                self._running.remove(job)
                self._follow(job)

    def _follow(self, job: Job[object]) -> None:
        if job.started is None or job.expected_s < _STRETCH_SHORTEST_S:
            return
        ratio = (self._clock() - job.started) / job.expected_s
        weight = _STRETCH_WEIGHT if self._stretch_known else 1.0
        self._stretch += weight * (min(max(ratio, 1.0), _STRETCH_MAX) - self._stretch)
        self._stretch_known = True
