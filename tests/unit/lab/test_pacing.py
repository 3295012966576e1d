"""When requests are due: the patterns, their spacing, their repeatability."""

import itertools
import math

import pytest

from lab.load import pacing, spec
from lab.settings import Settings


def load(**variables: str) -> spec.LoadSpec:
    """Return the load that a person asks for with these variables."""
    return spec.from_settings(Settings.from_environment(variables))


def due(segments: tuple[pacing.Segment, ...], arrivals: str = "even", seed: int = 1) -> list[float]:
    """Return the whole schedule."""
    return list(pacing.schedule(segments, pacing.unit_gaps(arrivals, seed)))


def count(times: list[float], since_s: float, until_s: float) -> int:
    """Count the arrivals of a stretch of time."""
    return sum(since_s < time <= until_s for time in times)


RATES = [
    # pattern, time, the rate that is planned then
    (pacing.constant(20, 10), 0, 20),
    (pacing.constant(20, 10), 9.99, 20),
    (pacing.constant(20, 10), 10, 0),
    (pacing.ramp(10, 4, 400, 120), 0, 10),
    (pacing.ramp(10, 4, 400, 120), 10, 50),
    (pacing.ramp(10, 4, 400, 120), 100, 400),
    (pacing.ramp(10, 4, 50, 120), 9, 46),
    (pacing.ramp(10, 4, 50, 120), 60, 50),
    (pacing.ramp(50, 4, 50, 120), 60, 50),
    (pacing.steps(10, 2, 100, 60, 10), 9.9, 10),
    (pacing.steps(10, 2, 100, 60, 10), 10, 30),
    (pacing.steps(10, 2, 40, 60, 10), 59, 40),
    (pacing.spike(10, 200, 60, 10), 24.9, 10),
    (pacing.spike(10, 200, 60, 10), 25, 200),
    (pacing.spike(10, 200, 60, 10), 35, 10),
]


@pytest.mark.parametrize(("segments", "time_s", "expected"), RATES)
def test_the_planned_rate_follows_the_pattern(
    segments: tuple[pacing.Segment, ...], time_s: float, expected: float
) -> None:
    assert pacing.rate_at(segments, time_s) == pytest.approx(expected)


@pytest.mark.parametrize("segments", [row[0] for row in RATES])
def test_segments_follow_one_another_without_gap(segments: tuple[pacing.Segment, ...]) -> None:
    assert segments[0].start_s == 0
    for before, after in itertools.pairwise(segments):
        assert before.end_s == after.start_s


def test_even_arrivals_at_a_constant_rate_are_equally_far_apart() -> None:
    times = due(pacing.constant(20, 10))
    assert len(times) == 200
    assert times[0] == pytest.approx(0.05)
    assert all(b - a == pytest.approx(0.05) for a, b in itertools.pairwise(times))


def test_each_second_of_an_even_ramp_has_as_many_arrivals_as_its_mean_rate() -> None:
    times = due(pacing.ramp(10, 4, 400, 30))
    for second in range(30):
        assert abs(count(times, second, second + 1) - (12 + 4 * second)) <= 1


@pytest.mark.parametrize("arrivals", ["even", "poisson"])
@pytest.mark.parametrize("segments", [pacing.ramp(0.1, 50, 400, 20), pacing.spike(5, 300, 20, 4)])
def test_arrivals_are_in_order_and_within_the_run(
    segments: tuple[pacing.Segment, ...], arrivals: str
) -> None:
    times = due(segments, arrivals)
    assert times == sorted(times)
    assert times[0] >= 0
    assert times[-1] <= 20


def test_poisson_arrivals_have_the_rate_on_average_and_the_spread_of_independent_clients() -> None:
    """Gaps are exponential: their standard deviation equals their mean.

    Evenly spaced ones have none.
    """
    times = due(pacing.constant(100, 200), "poisson", seed=7)
    gaps = [b - a for a, b in itertools.pairwise(times)]
    mean = sum(gaps) / len(gaps)
    deviation = math.sqrt(sum((gap - mean) ** 2 for gap in gaps) / len(gaps))
    assert mean == pytest.approx(0.01, rel=0.03)
    assert deviation == pytest.approx(mean, rel=0.05)


def test_the_seed_decides_the_schedule() -> None:
    segments = pacing.ramp(10, 4, 400, 20)
    assert due(segments, "poisson", 1) == due(segments, "poisson", 1)
    assert due(segments, "poisson", 1) != due(segments, "poisson", 2)


@pytest.mark.parametrize("name", ["ramp", "constant", "steps", "spike"])
def test_each_pattern_of_the_settings_lasts_for_the_duration(name: str) -> None:
    segments = pacing.pattern(load(PATTERN=name, DURATION="60"))
    assert segments[-1].end_s == 60


def test_closed_users_have_no_schedule() -> None:
    assert pacing.pattern(load(USERS="5")) == ()
