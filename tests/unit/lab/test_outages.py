"""When the service was out, on requests whose answer is known: each case is a sentence."""

import random
import time
from collections.abc import Callable
from itertools import pairwise

import numpy as np
import pytest

from lab.facts import outages
from lab.facts.outages import Outage, availability

Served = Callable[[float], bool]


def evenly(
    rate_per_s: float, seconds: float, served: Served, since_s: float = 0.0
) -> list[tuple[float, bool]]:
    """Requests due at a rate; `served` says of each time whether that request was served."""
    count = round(rate_per_s * seconds)
    return [(since_s + number / rate_per_s, served(since_s + number / rate_per_s)) for number in range(count)]


def out(requests: list[tuple[float, bool]]) -> outages.Availability:
    return availability([due for due, _ in requests], [served for _, served in requests])


def lengths(requests: list[tuple[float, bool]]) -> list[float]:
    return [each.duration_s for each in out(requests).outages]


def test_a_service_that_is_frozen_for_4_9_s_is_out_for_4_9_s() -> None:
    """48 requests/s: 235 of them are late, and none is lost."""
    found = out(evenly(48, 20, lambda at: not 7 <= at < 11.89))
    assert [(each.not_served, each.due) for each in found.outages] == [(235, 235)]
    assert found.out_of_service_s == found.longest_outage_s == pytest.approx(4.9, abs=0.03)
    assert found.outages[0].start_s == pytest.approx(7, abs=0.03)


def test_every_second_request_lost_for_20_s_is_20_s_out() -> None:
    requests = [
        (at, ok or number % 2 == 0)
        for number, (at, ok) in enumerate(evenly(50, 60, lambda at: not 10 <= at < 30))
    ]
    assert lengths(requests) == [pytest.approx(20, abs=0.05)]


def test_several_outages_are_each_listed_and_all_summed() -> None:
    found = out(evenly(30, 60, lambda at: not (5 <= at < 7 or 20 <= at < 25 or 40 <= at < 40.5)))
    assert [each.duration_s for each in found.outages] == pytest.approx([2, 5, 0.5], abs=0.05)
    assert found.out_of_service_s == pytest.approx(7.5, abs=0.1)
    assert found.longest_outage_s == pytest.approx(5, abs=0.05)


@pytest.mark.parametrize("rate_per_s", [5, 20, 90, 500])
def test_a_single_lost_request_among_many_is_no_outage(rate_per_s: float) -> None:
    assert lengths(evenly(rate_per_s, 20, lambda at: not 10 <= at < 10 + 0.9 / rate_per_s)) == []


def test_five_lost_in_a_row_at_90_per_s_are_out_for_the_time_they_stand_for() -> None:
    requests = evenly(90, 20, lambda _: True)
    lost = [(at, not 900 <= number < 905) for number, (at, _) in enumerate(requests)]
    assert lengths(lost) == [pytest.approx(5 / 90, abs=0.001)]


def test_a_tenth_lost_keeps_the_objective_and_an_eighth_misses_it() -> None:
    """Evenly spread, for a minute."""
    tenth = [(number / 40, number % 10 != 0) for number in range(2400)]
    eighth = [(number / 40, number % 8 != 0) for number in range(2400)]
    assert lengths(tenth) == []
    assert sum(lengths(eighth)) == pytest.approx(60, abs=0.5)


def test_at_a_low_rate_a_window_waits_for_ten_requests() -> None:
    """At 3 requests/s half a second has one or two: one lost decides nothing, three in a row do."""
    assert lengths(evenly(3, 30, lambda at: not 10 <= at < 10.3)) == []
    assert lengths(evenly(3, 30, lambda at: not 10 <= at < 11)) == [pytest.approx(1, abs=0.01)]


def test_of_fewer_than_ten_requests_all_are_the_window() -> None:
    assert lengths([(0, True), (1, False), (2, True)]) == [pytest.approx(1)]
    assert lengths([(0, False)]) == [0]
    assert lengths([(0, True)]) == []
    assert out([]) == outages.Availability((), 0.0)


def test_where_nothing_is_due_the_service_is_neither_out_nor_up() -> None:
    """It fails before a silence of 10 s, and nobody knows for how long."""
    requests = evenly(50, 10, lambda at: at < 9) + evenly(50, 5, lambda _: True, since_s=20)
    found = out(requests)
    assert [each.duration_s for each in found.outages] == pytest.approx([1], abs=0.03)
    assert found.nothing_due_s == pytest.approx(10.02, abs=0.001)


def test_an_outage_on_both_sides_of_a_silence_is_two() -> None:
    requests = evenly(50, 10, lambda at: at < 9) + evenly(50, 5, lambda at: at >= 21, since_s=20)
    assert lengths(requests) == pytest.approx([1, 1], abs=0.03)


def test_an_outage_lasts_to_the_end_if_nothing_is_served_any_more() -> None:
    assert lengths(evenly(20, 10, lambda at: at < 8)) == [pytest.approx(2, abs=0.001)]


def test_two_bursts_apart_by_a_good_window_are_two_outages() -> None:
    requests = evenly(100, 10, lambda at: not (3 <= at < 3.2 or 3.75 <= at < 3.95))
    assert lengths(requests) == pytest.approx([0.2, 0.2], abs=0.011)
    closer = evenly(100, 10, lambda at: not (3 <= at < 3.2 or 3.4 <= at < 3.6))
    assert lengths(closer) == pytest.approx([0.6], abs=0.011)


def test_an_outage_says_what_was_due_in_it() -> None:
    requests = [(number / 100, not 300 <= number < 400 or number == 350) for number in range(1000)]
    assert out(requests).outages == (Outage(3.0, 4.0, 1.0, 100, 99),)


def test_random_arrivals_have_the_outages_of_a_search_by_hand() -> None:
    """Each window looked at one by one, at rates and losses of all kinds, against the arrays."""
    chance = random.Random(3)  # noqa: S311 - samples for a test
    for _ in range(150):
        rate, loss = chance.choice([2, 8, 30, 120]), chance.choice([0.02, 0.1, 0.3])
        at, requests = 0.0, []
        for _ in range(chance.choice([3, 20, 300])):
            at += chance.expovariate(rate) + (5 if chance.random() < 0.01 else 0)
            requests.append((at, chance.random() >= loss))
        assert [(each.start_s, each.end_s) for each in out(requests).outages] == by_hand(requests)


def by_hand(requests: list[tuple[float, bool]]) -> list[tuple[float, float]]:
    """Return the outages by the words of the definition."""
    stretches: list[list[tuple[float, bool]]] = [[]]
    for before, now in pairwise([requests[0], *requests]):
        if now[0] - before[0] > outages.QUIET_S:
            stretches.append([])
        stretches[-1].append(now)
    found = []
    for stretch in stretches:
        hit: set[int] = set()
        for start in range(max(len(stretch) - 9, 1)):
            held = [n for n in range(start, len(stretch)) if stretch[n][0] < stretch[start][0] + 0.5]
            held = list(range(start, min(max(start + 10, held[-1] + 1), len(stretch))))
            if sum(not stretch[n][1] for n in held) * 10 > len(held):
                hit |= {n for n in held if not stretch[n][1]}
        ends = [at for at, _ in stretch[1:]]
        mean = (stretch[-1][0] - stretch[0][0]) / (len(stretch) - 1) if ends else 0.0
        ends.append(stretch[-1][0] + mean)
        groups: list[list[int]] = []
        for n in sorted(hit):
            good = groups and (stretch[n][0] - ends[groups[-1][-1]] >= 0.5 and n - groups[-1][-1] > 10)
            if not groups or good:
                groups.append([])
            groups[-1].append(n)
        found += [(stretch[group[0]][0], ends[group[-1]]) for group in groups]
    return found


def test_a_million_requests_take_a_few_seconds() -> None:
    """5 % fail all along, so the ends of the outage are known to half a second."""
    due = np.arange(1_000_000) / 1000
    served = np.random.default_rng(1).random(1_000_000) > 0.05
    served[300_000:305_000] = False
    begun = time.process_time()
    found = availability(due, served)
    assert time.process_time() - begun < 10
    assert found.longest_outage_s == pytest.approx(5, abs=1)
