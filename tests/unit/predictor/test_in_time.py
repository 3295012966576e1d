"""What a whole predictor does in time, by a clock that the test moves.

Load, limits, readiness, faults.
"""

import asyncio
import json
from pathlib import Path

import pytest

from predictor.app import Predictor
from predictor.candidate import SAMPLE

from .moved_loop import MovedLoop, Reply, moved, predict, put_fault, serving

BODY = SAMPLE.model_dump_json().encode()
LIST_OF_11 = json.dumps([SAMPLE.model_dump()] * 11).encode()


async def closed_load(app: Predictor, loop: MovedLoop, clients: int, duration_s: float) -> list[Reply]:
    """Each client sends its next request when it has its reply; refused, it waits for 10 ms."""
    end = loop.time() + duration_s
    replies: list[Reply] = []

    async def client() -> None:
        while loop.time() < end:
            replies.append(reply := await predict(app, BODY))
            if reply.status != 200:
                await asyncio.sleep(0.01)

    await asyncio.gather(*(client() for _ in range(clients)))
    return replies


def statuses(replies: list[Reply]) -> dict[int, int]:
    return {status: sum(r.status == status for r in replies) for status in {r.status for r in replies}}


@pytest.mark.parametrize(("slots", "served"), [(1, 508), (2, 1008)])
def test_it_serves_what_is_stated_and_golden_inputs_take_nothing_of_it(
    model_path: Path, slots: int, served: int
) -> None:
    """10 s at 50 services per second and slot, then what 8 clients have in progress."""

    async def test(loop: MovedLoop) -> None:
        async with serving(loop, model_path, slots=slots, golden_interval_s=0.01) as app:
            replies = await closed_load(app, loop, clients=8, duration_s=10)
            assert statuses(replies) == {200: pytest.approx(served, abs=slots)}
            assert app.engine.service()["services"] == len(replies)
            assert app.engine.service()["services_slow"] == 0
            assert max(reply.after_s for reply in replies) == pytest.approx(8 / (50 * slots), abs=0.001)

    moved(test)


def test_overload_is_not_failure(model_path: Path) -> None:
    """More waits for the slot than the grace allows; it stays ready, and refuses the rest."""

    async def test(loop: MovedLoop) -> None:
        limits = {"service_ms": 200, "queue_limit_s": 60, "golden_grace_s": 0.2}
        async with serving(loop, model_path, **limits) as app:
            verdicts = set()

            async def watch() -> None:
                while True:
                    verdicts.add(app.readiness.verdict)
                    await asyncio.sleep(0.02)

            watching = asyncio.ensure_future(watch())
            replies = await closed_load(app, loop, clients=24, duration_s=20)
            watching.cancel()
            assert {verdict.ready for verdict in verdicts} == {True}, verdicts
            counts = statuses(replies)
            assert set(counts) == {200, 429}
            assert counts[200] == pytest.approx(20 / 0.2 + 16, abs=1)

    moved(test)


def test_over_the_limit_a_request_is_refused_at_once(model_path: Path) -> None:
    async def test(loop: MovedLoop) -> None:
        async with serving(loop, model_path, concurrency_limit=2, service_ms=300) as app:
            replies = await asyncio.gather(*(predict(app, BODY) for _ in range(6)))
            assert [(reply.status, round(reply.after_s, 5)) for reply in replies] == [
                (200, 0.3),
                (200, 0.6),
                *[(429, 0)] * 4,
            ]
            assert replies[2].headers["retry-after"] == "1"
            refusal = json.loads(replies[2].body)
            assert refusal["error"] == "overloaded"
            assert "2 requests are in progress, the limit" in refusal["message"]
            values = app.metrics.registry.get_sample_value
            assert values("predictor_refusals_total") == 4
            assert values("predictor_requests_total", {"status": "429"}) == 4
            assert values("predictor_requests_in_progress") == 0

    moved(test)


def test_more_work_than_can_be_done_in_time_is_refused(model_path: Path) -> None:
    """A few long lists are more work than the number of requests says: 20 + 10 * 10 ms each."""

    async def test(loop: MovedLoop) -> None:
        async with serving(loop, model_path, service_row_ms=10, queue_limit_s=0.2) as app:
            lists = []
            for _ in range(3):
                lists.append(asyncio.ensure_future(predict(app, LIST_OF_11)))
                await asyncio.sleep(0.01)
            replies = await asyncio.gather(*lists)
            assert [(reply.status, round(reply.after_s, 5)) for reply in replies] == [
                (200, 0.12),
                (200, 0.23),
                (429, 0),
            ]
            assert "0.22 s of work wait, above the limit of 0.2 s" in json.loads(replies[2].body)["message"]

    moved(test)


def test_who_leaves_the_queue_lets_the_others_move_up(model_path: Path) -> None:
    async def test(loop: MovedLoop) -> None:
        async with serving(loop, model_path) as app:
            gone = asyncio.Event()
            first = asyncio.ensure_future(predict(app, BODY))
            leaving = asyncio.ensure_future(predict(app, BODY, gone))
            last = asyncio.ensure_future(predict(app, BODY))
            await asyncio.sleep(0.01)
            gone.set()
            replies = await asyncio.gather(first, leaving, last)
            assert [(reply.status, round(reply.after_s, 5)) for reply in replies] == [
                (200, 0.02),
                (0, 0.01),
                (200, 0.04),
            ]
            assert app.metrics.registry.get_sample_value("predictor_requests_total", {"status": "499"}) == 1

    moved(test)


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({}, "a slot of the accelerator is stuck: its work is 1.2 s over its time"),
        ({"slots": 2}, "a slot of the accelerator is stuck: its work is 1.2 s over its time"),
        ({"service_ms": 0, "inline_limit_ms": 100}, ""),
    ],
)
def test_a_stuck_worker_makes_it_unready_after_the_grace_and_its_end_ready(
    model_path: Path, settings: dict[str, object], reason: str
) -> None:
    """Without a slot the golden check hangs itself, which its time-out shows a pause later."""

    async def test(loop: MovedLoop) -> None:
        async with serving(loop, model_path, **settings) as app:
            await put_fault(app, stuck_worker=True, duration_s=4)
            await asyncio.sleep(0.9)
            assert app.readiness.verdict.ready
            await asyncio.sleep(0.3)
            verdict = app.readiness.verdict
            assert not verdict.ready or not reason
            assert verdict.reason == reason or not reason
            await asyncio.sleep(0.7)
            assert not app.readiness.verdict.ready
            await asyncio.sleep(2.2 + 1.5)
            assert app.readiness.verdict.ready
            assert (await predict(app, BODY)).status == 200

    moved(test)


def test_with_two_slots_and_a_stuck_one_the_other_serves(model_path: Path) -> None:
    async def test(loop: MovedLoop) -> None:
        async with serving(loop, model_path, slots=2) as app:
            await put_fault(app, stuck_worker=True)
            replies = await closed_load(app, loop, clients=4, duration_s=2)
            assert statuses(replies) == {200: pytest.approx(2 * 50 + 4, abs=1)}

    moved(test)


def test_a_fault_ends_by_itself(model_path: Path) -> None:
    async def test(loop: MovedLoop) -> None:
        async with serving(loop, model_path) as app:
            await put_fault(app, unready=True, stuck_worker=True, memory_mb=8, duration_s=1.5)
            await asyncio.sleep(1.49)
            assert not app.readiness.verdict.ready
            assert app.faults.report()["memory_mb"] == 8
            await asyncio.sleep(0.02)
            report = app.faults.report()
            assert (report["active"], report["remaining_s"], report["memory_mb"]) == (False, 0, 0)
            await asyncio.sleep(1)
            assert app.readiness.verdict.ready

    moved(test)


def test_a_newer_fault_is_not_ended_by_the_older_ones_time(model_path: Path) -> None:
    async def test(loop: MovedLoop) -> None:
        async with serving(loop, model_path) as app:
            await put_fault(app, unready=True, duration_s=0.1)
            await put_fault(app, unready=True, duration_s=10)
            await asyncio.sleep(0.2)
            assert app.faults.report()["remaining_s"] == pytest.approx(9.8)
            assert not app.readiness.verdict.ready

    moved(test)


def test_a_proof_that_is_too_old_counts_no_longer(model_path: Path) -> None:
    """The process stood still for ten seconds; the next check makes it ready again."""

    async def test(loop: MovedLoop) -> None:
        async with serving(loop, model_path) as app:
            await asyncio.sleep(1)
            loop.stall(10)
            assert app.readiness.verdict.reason == "the last proof by golden inputs is too old"
            await asyncio.sleep(0.6)
            assert app.readiness.verdict.ready

    moved(test)
