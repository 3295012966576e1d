"""The emulated accelerator, by a clock that the test moves: what it states is what it does."""

import asyncio
import statistics
from collections.abc import Awaitable

import pytest

from predictor.accelerator import Accelerator, Served, ServiceModel

from .moved_loop import MovedLoop, moved

SERVICE_S = 0.02


def accelerator(loop: MovedLoop, slots: int = 1, **model: float | str) -> Accelerator:
    return Accelerator(ServiceModel(slots, SERVICE_S, **model), loop.time)  # type: ignore[arg-type]


async def replied(
    loop: MovedLoop, device: Accelerator, name: str, done: dict[str, float]
) -> Served[str] | None:
    """Send one request; note when its reply comes, in ms from the loop's beginning."""
    begun = loop.time()
    served = await device.serve(lambda: name, SERVICE_S)
    done[name] = round(1000 * (loop.time() - begun), 3)
    return served


def test_one_slot_serves_in_the_order_of_arrival_each_for_its_service_time() -> None:
    async def test(loop: MovedLoop) -> dict[str, float]:
        device, done = accelerator(loop), dict[str, float]()
        served = await asyncio.gather(*(replied(loop, device, name, done) for name in "abcd"))
        assert [each and each.result for each in served] == list("abcd")
        assert [each and round(each.queue_s, 6) for each in served] == [0, 0.02, 0.04, 0.06]
        return done

    assert list(moved(test).items()) == [("a", 20), ("b", 40), ("c", 60), ("d", 80)]


def test_two_slots_serve_two_at_a_time() -> None:
    async def test(loop: MovedLoop) -> dict[str, float]:
        device, done = accelerator(loop, slots=2), dict[str, float]()
        first = asyncio.gather(*(replied(loop, device, name, done) for name in "a"))
        await asyncio.sleep(0.005)
        rest = asyncio.gather(*(replied(loop, device, name, done) for name in "bcd"))
        await asyncio.sleep(0)
        assert device.backlog_s() == pytest.approx(0.035)  # until a's slot is free of c, at 40 ms
        await asyncio.gather(first, rest)
        return done

    # By the clock of each: b starts at once in the other slot, c when a ends, d when b ends.
    assert moved(test) == {"a": 20, "b": 20, "c": 35, "d": 40}


def test_a_longer_list_takes_its_stated_time() -> None:
    model = ServiceModel(1, SERVICE_S, row_s=0.001)
    assert model.stated_s(1) == SERVICE_S
    assert model.stated_s(21) == pytest.approx(2 * SERVICE_S)


def test_lateness_does_not_accumulate() -> None:
    """The loop wakes 15 ms late for the first reply; the second comes when it would have anyway."""

    async def test(loop: MovedLoop) -> dict[str, float]:
        device, done = accelerator(loop), dict[str, float]()
        clients = [asyncio.ensure_future(replied(loop, device, name, done)) for name in "ab"]
        await asyncio.sleep(0.019)
        loop.stall(0.016)
        await asyncio.gather(*clients)
        return done

    assert moved(test) == {"a": 35, "b": 40}


def test_a_backlog_is_served_at_exactly_the_stated_rate_whatever_the_loop_does() -> None:
    """While requests wait, 50 per second leave, although each timer fires up to 15 ms late."""

    async def test(loop: MovedLoop) -> float:
        device, begun = accelerator(loop), loop.time()
        requests = [asyncio.ensure_future(device.serve(lambda: None, SERVICE_S)) for _ in range(500)]

        async def disturb() -> None:
            while True:
                await asyncio.sleep(0.037)
                loop.stall(0.015)

        disturber = asyncio.ensure_future(disturb())
        await asyncio.gather(*requests)
        disturber.cancel()
        return loop.time() - begun

    assert moved(test) == pytest.approx(500 * SERVICE_S, abs=0.016)


def test_a_process_that_stood_still_does_not_catch_up() -> None:
    """A pause of 5 s is not made up by serving the queue in no time."""

    async def test(loop: MovedLoop) -> list[float]:
        device, begun = accelerator(loop), loop.time()
        done: list[float] = []

        async def client() -> None:
            await device.serve(lambda: None, SERVICE_S)
            done.append(round(loop.time() - begun, 3))

        clients = [asyncio.ensure_future(client()) for _ in range(3)]
        await asyncio.sleep(0.01)
        loop.stall(5)
        await asyncio.gather(*clients)
        assert device.services_slow == 1
        return done

    assert moved(test) == [5.01, 5.03, 5.05]


def test_a_late_reply_is_a_slow_service() -> None:
    """10 % of 20 ms is 2 ms: 1.5 ms late is not slow, 2.5 ms late is."""

    async def test(loop: MovedLoop) -> list[bool]:
        device, slow = accelerator(loop), []
        for late_s in (0.0, 0.0015, 0.0025):
            service = asyncio.ensure_future(device.serve(lambda: None, SERVICE_S))
            await asyncio.sleep(0.019)
            loop.stall(0.001 + late_s)
            served = await service
            assert served.service_s - served.planned_s == pytest.approx(late_s, abs=1e-6)
            slow.append(served.slow)
        assert (device.services, device.services_slow) == (3, 1)
        return slow

    assert moved(test) == [False, False, True]


def test_an_inference_that_does_not_fit_its_service_makes_it_slow() -> None:
    async def test(loop: MovedLoop) -> Served[None]:
        return await accelerator(loop).serve(lambda: loop.stall(0.05), SERVICE_S)

    served = moved(test)
    assert served.inference_s == pytest.approx(0.05)
    assert served.service_s == pytest.approx(0.05)
    assert served.slow


@pytest.mark.parametrize("cv", [0.3, 1.0, 2.0])
def test_varying_service_times_have_the_stated_mean_and_variation(cv: float) -> None:
    """20,000 draws: the standard error is cv / 141 of the mean, so 4 % is 2.8 of them at cv 2."""

    async def test(loop: MovedLoop) -> list[float]:
        device = accelerator(loop, cv=cv, seed="1:predictor-1")
        return [(await device.serve(lambda: None, SERVICE_S)).planned_s for _ in range(20_000)]

    times = moved(test)
    assert statistics.fmean(times) == pytest.approx(SERVICE_S, rel=0.04)
    assert statistics.stdev(times) / statistics.fmean(times) == pytest.approx(cv, rel=0.05)


def test_the_same_seed_gives_the_same_service_times_and_another_server_others() -> None:
    def times(seed: str) -> list[float]:
        async def test(loop: MovedLoop) -> list[float]:
            device = accelerator(loop, cv=1.0, seed=seed)
            return [(await device.serve(lambda: None, SERVICE_S)).planned_s for _ in range(5)]

        return moved(test)

    assert times("1:predictor-1") == times("1:predictor-1") != times("1:predictor-2")


def test_who_gives_up_while_waiting_frees_its_place() -> None:
    async def test(loop: MovedLoop) -> dict[str, float]:
        device, done = accelerator(loop), dict[str, float]()
        clients = [asyncio.ensure_future(replied(loop, device, name, done)) for name in "abcd"]
        await asyncio.sleep(0.005)
        assert device.backlog_s() == pytest.approx(0.075)
        clients[1].cancel()
        clients[2].cancel()
        await asyncio.sleep(0)
        assert device.backlog_s() == pytest.approx(0.035)
        await asyncio.gather(*clients, return_exceptions=True)
        assert device.services == 2
        return done

    assert moved(test) == {"a": 20, "d": 40}


def test_who_gives_up_in_service_keeps_the_slot_to_its_end() -> None:
    async def test(loop: MovedLoop) -> dict[str, float]:
        device, done = accelerator(loop), dict[str, float]()
        clients = [asyncio.ensure_future(replied(loop, device, name, done)) for name in "ab"]
        await asyncio.sleep(0.005)
        clients[0].cancel()
        await asyncio.gather(*clients, return_exceptions=True)
        return done

    assert moved(test) == {"b": 40}


def test_an_error_of_the_inference_reaches_who_asked_and_the_slot_serves_on() -> None:
    async def test(loop: MovedLoop) -> dict[str, float]:
        device, done = accelerator(loop), dict[str, float]()
        failing = asyncio.ensure_future(device.serve(lambda: 1 // 0, SERVICE_S))
        after = asyncio.ensure_future(replied(loop, device, "after", done))
        with pytest.raises(ZeroDivisionError):
            await failing
        await after
        return done

    assert moved(test) == {"after": 40}


def test_a_held_slot_is_over_its_time_until_it_is_released() -> None:
    async def test(loop: MovedLoop) -> dict[str, float]:
        device, done = accelerator(loop), dict[str, float]()
        clients = [asyncio.ensure_future(replied(loop, device, "before", done))]
        await asyncio.sleep(0)
        release = device.hold()
        clients.append(asyncio.ensure_future(replied(loop, device, "after", done)))
        await asyncio.sleep(0.02)
        assert device.longest_overrun_s() <= 0
        await asyncio.sleep(1)
        assert device.longest_overrun_s() == pytest.approx(1, abs=0.001)
        release()
        assert device.longest_overrun_s() <= 0
        await asyncio.gather(*clients)
        return done

    assert moved(test) == {"before": 20, "after": 1040}


def test_a_hold_that_is_released_before_its_turn_holds_nothing() -> None:
    async def test(loop: MovedLoop) -> dict[str, float]:
        device, done = accelerator(loop), dict[str, float]()
        first = asyncio.ensure_future(replied(loop, device, "first", done))
        await asyncio.sleep(0)
        device.hold()()
        await asyncio.gather(first, replied(loop, device, "second", done))
        return done

    assert moved(test) == {"first": 20, "second": 40}


def test_a_busy_slot_is_not_over_its_time_after_a_pause_of_the_process() -> None:
    async def test(loop: MovedLoop) -> float:
        device = accelerator(loop)
        service: Awaitable[Served[None]] = asyncio.ensure_future(device.serve(lambda: None, SERVICE_S))
        await asyncio.sleep(0.01)
        loop.stall(5)
        overrun_s = device.longest_overrun_s()
        await service
        return overrun_s

    assert moved(test) <= 0


def test_what_is_stated_to_take_nothing_waits_for_its_turn_and_costs_nothing() -> None:
    """As golden inputs do: a hundred of them move no reply by anything, and count as no service."""

    async def test(loop: MovedLoop) -> dict[str, float]:
        device, done = accelerator(loop), dict[str, float]()
        first = asyncio.ensure_future(replied(loop, device, "first", done))
        await asyncio.sleep(0)
        begun = loop.time()
        proofs = [asyncio.ensure_future(device.serve(loop.time, 0.0)) for _ in range(100)]
        second = asyncio.ensure_future(replied(loop, device, "second", done))
        times = [proof.result - begun for proof in await asyncio.gather(*proofs)]
        assert times == [pytest.approx(SERVICE_S)] * 100
        await asyncio.gather(first, second)
        assert (device.services, device.services_slow) == (2, 0)
        return done

    assert moved(test) == {"first": 20, "second": 40}
