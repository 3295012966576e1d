"""Far more load than the servers can carry.

How much is still served, and how soon it is over afterwards.
"""

import math
import statistics
from dataclasses import replace

import httpx

from lab.bench import Bench
from lab.bench.figures import Figure, Figures, below
from lab.experiment import schedule
from lab.facts import usual
from lab.facts.usual import Point
from lab.load import preparation, spec
from lab.load.generator import Load
from lab.records.classes import LATE, NONE
from lab.records.requests import Request

SETTLE_S = 2.0
SPIKE_S, CALM_S = 15.0, 12.0
TIMES = 3.0
GOODPUT_PERCENT, RECOVERY_S = 90.0, 2.0


def measure(under: Bench) -> Figures:
    """Return goodput at three times the capacity, servers marked down, and the time to recover."""
    servers = preparation.servers(under.settings, under.steady())
    # Standbys help in an overload.
    capacity = schedule.capacity_of(servers, servers)
    downs = marked_down(under)
    goodputs, recoveries = [], []
    for trial in range(min(under.trials, 3)):
        rows, starts_s, ends_s = spike(under, capacity)
        goodputs.append(goodput_per_s(rows, starts_s + SETTLE_S, ends_s))
        recoveries.append(recovery_s(rows, starts_s, ends_s))
        under.say(f"overload {trial + 1}: goodput {goodputs[-1]:.0f}/s, normal after {recoveries[-1]:.1f} s")
        under.steady()
    went_down = marked_down(under) - downs
    percents = [100 * goodput / capacity for goodput in goodputs]
    middle = statistics.median(percents)
    what = f"goodput at {TIMES:g} times the capacity of all servers ({capacity:g} requests/s)"
    to_reach, values = f"at least {GOODPUT_PERCENT:g} % of it", tuple(round(one, 1) for one in percents)
    return [
        Figure(what, to_reach, "%", round(middle, 1), middle >= GOODPUT_PERCENT, values),
        below("servers marked down by overload", 0, "", [went_down], "sum"),
        below("load's fall to normal latency", RECOVERY_S, "s", recoveries),
    ]


def marked_down(under: Bench) -> int:
    """Return how often HAProxy has taken a server out since it started, all servers together."""
    lines = httpx.get(f"{under.settings.stats_url}/;csv", timeout=5, trust_env=False).text
    header, *rows = (line.split(",") for line in lines.removeprefix("# ").splitlines() if line)
    name, server, downs = header.index("pxname"), header.index("svname"), header.index("chkdown")
    return sum(int(row[downs]) for row in rows if row[name] == "predictors" and row[server] != "BACKEND")


def spike(under: Bench, capacity_per_s: float) -> tuple[list[Request], float, float]:
    """Send half the capacity, three times, half again.

    Return the rows, the spike's start and end.
    """
    asked = replace(
        spec.from_settings(under.settings),
        pattern="spike",
        users=0,
        rate_per_s=capacity_per_s / 2,
        rate_max_per_s=capacity_per_s * TIMES,
        spike_s=SPIKE_S,
        duration_s=SPIKE_S + 2 * CALM_S,
        beyond_s=-1.0,
        arrivals="even",
    )
    with under.load("overload", asked) as load:
        rows = to_the_end(load)
    begun = min(row.scheduled_s for row in rows)
    return rows, begun + CALM_S, begun + CALM_S + SPIKE_S


def to_the_end(load: Load) -> list[Request]:
    """Read all rows of a load until its generator ends."""
    rows: list[Request] = []
    while load.running():
        load.wait(0.5)
        load.sample_cpu()
        rows += load.new_requests()
    rows += load.new_requests()
    return sorted(rows, key=lambda row: row.scheduled_s)


def goodput_per_s(rows: list[Request], start_s: float, end_s: float) -> float:
    """Return predictions in time per second, of the requests due between two times (epoch s)."""
    good = sum(row.failure == NONE and start_s <= row.scheduled_s < end_s for row in rows)
    return good / (end_s - start_s)


def recovery_s(rows: list[Request], starts_s: float, ends_s: float) -> float:
    """Return the time (s) from the load's fall until it is as before the spike, to the end.

    inf if never.
    """
    waited_ms = [row.latency_ms if row.failure in (NONE, LATE) else None for row in rows]
    points = [
        Point(row.scheduled_s, waited, row.failure == NONE)
        for row, waited in zip(rows, waited_ms, strict=True)
    ]
    recovered_s = usual.recovered_s(points, starts_s, ends_s)
    return math.inf if recovered_s is None else recovered_s - ends_s
