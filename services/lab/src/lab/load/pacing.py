"""When requests are due: pure arithmetic, no clock and no I/O.

A pattern is a tuple of segments in which the rate goes in a straight line. Arrivals are drawn at
one per unit and then stretched through the segments (time rescaling): where the rate is 40
requests/s, 40 units pass in a second. So each pattern can be spaced evenly or as independent
clients do (Poisson), and the same seed gives the same schedule.

All times are seconds since the start of the run, all rates requests/s.
"""

import itertools
import math
import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from lab.load.spec import LoadSpec


@dataclass(frozen=True)
class Segment:
    """A stretch of the run in which the rate goes in a straight line from its start to its end."""

    start_s: float
    end_s: float
    start_rate_per_s: float
    end_rate_per_s: float

    @property
    def slope(self) -> float:
        """Return how much the rate grows each second, in requests/s per s."""
        return (self.end_rate_per_s - self.start_rate_per_s) / (self.end_s - self.start_s)

    @property
    def expected(self) -> float:
        """Return how many requests are due in the whole segment."""
        return (self.start_rate_per_s + self.end_rate_per_s) / 2 * (self.end_s - self.start_s)

    def time_of(self, count: float) -> float:
        """Return the time at which `count` requests (0 to `expected`) of this segment were due.

        The form of the quadratic solution without a difference of near numbers: it holds for slope
        0 too.
        """
        root = math.sqrt(max(self.start_rate_per_s**2 + 2 * self.slope * count, 0.0))
        divisor = self.start_rate_per_s + root
        return self.start_s + (2 * count / divisor if divisor else 0.0)


def ramp(rate: float, slope: float, rate_max: float, duration_s: float) -> tuple[Segment, ...]:
    """Grow from `rate` by `slope` each second; stay at `rate_max` once it is reached."""
    top_s = (rate_max - rate) / slope
    if top_s >= duration_s:
        return (Segment(0, duration_s, rate, rate + slope * duration_s),)
    if top_s <= 0:
        return constant(rate, duration_s)
    return (Segment(0, top_s, rate, rate_max), Segment(top_s, duration_s, rate_max, rate_max))


def constant(rate: float, duration_s: float) -> tuple[Segment, ...]:
    """Keep one rate."""
    return (Segment(0, duration_s, rate, rate),)


def steps(
    rate: float, slope: float, rate_max: float, duration_s: float, step_s: float
) -> tuple[Segment, ...]:
    """Keep each rate for `step_s`, then go up by what a ramp gains in that time."""
    starts = (number * step_s for number in range(math.ceil(duration_s / step_s)))
    rates = ((start, min(rate + slope * start, rate_max)) for start in starts)
    return tuple(Segment(start, min(start + step_s, duration_s), level, level) for start, level in rates)


def spike(rate: float, rate_max: float, duration_s: float, spike_s: float) -> tuple[Segment, ...]:
    """Keep `rate`, but `rate_max` for `spike_s` in the middle of the run."""
    up_s = (duration_s - spike_s) / 2
    down_s = up_s + spike_s
    return (
        Segment(0, up_s, rate, rate),
        Segment(up_s, down_s, rate_max, rate_max),
        Segment(down_s, duration_s, rate, rate),
    )


def pattern(spec: LoadSpec) -> tuple[Segment, ...]:
    """Return the segments of the pattern that a load names; none for the closed model."""
    rate, slope, rate_max = spec.rate_per_s, spec.ramp_per_s, spec.rate_max_per_s
    match spec.pattern:
        case "ramp":
            return ramp(rate, slope, rate_max, spec.duration_s)
        case "constant":
            return constant(rate, spec.duration_s)
        case "steps":
            return steps(rate, slope, rate_max, spec.duration_s, spec.step_s)
        case "spike":
            return spike(rate, rate_max, spec.duration_s, spec.spike_s)
        case _:
            return ()


def rate_at(segments: Sequence[Segment], time_s: float) -> float:
    """Return the planned rate at a time; 0 outside the run."""
    for segment in segments:
        if segment.start_s <= time_s < segment.end_s:
            return segment.start_rate_per_s + segment.slope * (time_s - segment.start_s)
    return 0.0


def unit_gaps(arrivals: str, seed: int) -> Iterator[float]:
    """Yield the gaps between arrivals at rate 1.

    All 1 (even) or exponential with mean 1 (poisson).
    """
    if arrivals == "even":
        return itertools.repeat(1.0)
    draw = random.Random(seed)  # noqa: S311 - a schedule, not a secret
    return iter(lambda: draw.expovariate(1.0), None)


def schedule(segments: Iterable[Segment], gaps: Iterator[float]) -> Iterator[float]:
    """Yield the times at which requests are due, in order, until the last segment ends."""
    due = next(gaps)
    passed = 0.0
    for segment in segments:
        through = passed + segment.expected
        while due <= through:
            yield segment.time_of(due - passed)
            due += next(gaps)
        passed = through
