"""The thread pool: in order, sparing what was cancelled, and never silent about a stuck job."""

import threading

import pytest

from predictor.pool import Pool

LIMIT_S = 10


@pytest.fixture
def pool() -> Pool:
    return Pool(1)


def test_jobs_run_in_the_order_of_their_submission(pool: Pool) -> None:
    done: list[int] = []
    jobs = [pool.submit(lambda n=n: done.append(n), 0) for n in range(20)]  # type: ignore[misc]
    jobs[-1].future.result(LIMIT_S)
    assert done == list(range(20))


def test_an_error_reaches_whoever_waits_and_the_thread_lives_on(pool: Pool) -> None:
    failing = pool.submit(lambda: 1 // 0, 0)
    with pytest.raises(ZeroDivisionError):
        failing.future.result(LIMIT_S)
    assert pool.submit(lambda: 7, 0).future.result(LIMIT_S) == 7


def test_a_job_cancelled_while_it_waits_is_never_run(pool: Pool) -> None:
    release = threading.Event()
    pool.submit(lambda: release.wait(LIMIT_S), 0)
    ran: list[str] = []
    cancelled = pool.submit(lambda: ran.append("cancelled"), 0)
    after = pool.submit(lambda: ran.append("after"), 0)
    assert cancelled.future.cancel()
    release.set()
    after.future.result(LIMIT_S)
    assert ran == ["after"]


def test_the_backlog_is_the_expected_time_of_running_and_waiting_jobs(pool: Pool) -> None:
    release = threading.Event()
    started = threading.Event()

    def block() -> None:
        started.set()
        release.wait(LIMIT_S)

    first = pool.submit(block, 0.5)
    assert started.wait(LIMIT_S)
    pool.submit(lambda: None, 0.25)
    dropped = pool.submit(lambda: None, 100)
    dropped.future.cancel()
    assert pool.backlog_s() == pytest.approx(0.75)
    release.set()
    first.future.result(LIMIT_S)


class Clock:
    """A clock that the test, or a job, moves; in s."""

    now = 100.0

    def __call__(self) -> float:
        return self.now

    def move(self, by_s: float) -> None:
        self.now += by_s


def test_a_job_over_its_time_is_told_until_it_ends() -> None:
    """Three times its expected time is allowed."""
    clock = Clock()
    pool = Pool(1, clock)
    started, release = threading.Event(), threading.Event()
    assert pool.longest_overrun_s() == 0

    def block() -> None:
        started.set()
        release.wait(LIMIT_S)

    job = pool.submit(block, 0.5)
    assert started.wait(LIMIT_S)
    clock.move(1.5)
    assert pool.longest_overrun_s() == pytest.approx(0)
    clock.move(2)
    assert pool.longest_overrun_s() == pytest.approx(2)
    release.set()
    job.future.result(LIMIT_S)
    assert pool.submit(lambda: None, 0).future.result(LIMIT_S) is None
    assert pool.longest_overrun_s() <= 0


def test_the_pool_learns_that_jobs_take_longer_than_expected() -> None:
    """On a third of a core each job takes three times as long: that is slow, not stuck."""
    clock = Clock()
    pool = Pool(1, clock)
    for _ in range(30):
        pool.submit(lambda: clock.move(0.6), 0.2).future.result(LIMIT_S)
    started, release = threading.Event(), threading.Event()

    def block() -> None:
        started.set()
        release.wait(LIMIT_S)

    job = pool.submit(block, 1)
    assert started.wait(LIMIT_S)  # so the jobs before it have been followed
    assert pool.backlog_s() == pytest.approx(3)
    clock.move(8)
    assert pool.longest_overrun_s() < 0
    release.set()
    job.future.result(LIMIT_S)
