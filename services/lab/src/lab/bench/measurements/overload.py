"""Far more load than the servers can carry: how much is still served, and how soon it is over afterwards."""

import math
import statistics
import time
from dataclasses import replace

import httpx

from lab import bench, records
from lab.bench import Bench, Figure, Figures
from lab.errors import GeneratorError
from lab.facts import usual
from lab.facts.usual import Point
from lab.load import spec
from lab.load.generator import Load
from lab.parts.controller import Controller
from lab.records import Request

HELP = "find the best goodput, send 3 times as much, and see when latency is normal again"
STEP_S = 8.0
SETTLE_S = 2.0
START_SHARE = 0.8
STEPS_MAX, STEP_FACTOR = 15, 1.12
SPIKE_S, CALM_S = 15.0, 12.0
TIMES = 3.0
GOODPUT_PERCENT, RECOVERY_S = 90.0, 2.0


def measure(under: Bench) -> Figures:
    """Return goodput at three times the capacity, servers marked down, and the time to recover."""
    with Controller(under.settings.controller_url) as controller:
        servers = len(controller.state().with_role("active"))
    downs = marked_down(under)
    best = best_goodput_per_s(under, under.settings.capacity * servers)
    found = {"per_server_per_s": best / servers, "best_per_s": best}
    records.write_json(under.folder / bench.CAPACITY, found)
    under.steady()
    goodputs, recoveries = [], []
    for trial in range(min(under.trials, 3)):
        rows, starts_s, ends_s = spike(under, best)
        goodputs.append(bench.goodput_per_s(rows, starts_s + SETTLE_S, ends_s))
        recoveries.append(recovery_s(rows, starts_s, ends_s))
        under.say(f"overload {trial + 1}: goodput {goodputs[-1]:.0f}/s, normal after {recoveries[-1]:.1f} s")
        under.steady()
    went_down = marked_down(under) - downs
    # The best of all phases, the overload's own included: a share of it is never above 100 %.
    most = max(best, *goodputs)
    percents = [100 * goodput / most for goodput in goodputs]
    middle = statistics.median(percents)
    return [
        Figure(
            f"goodput at {TIMES:g} times the capacity, of the best ({most:.0f} requests/s)",
            f"at least {GOODPUT_PERCENT:g} %",
            "%",
            round(middle, 1),
            middle >= GOODPUT_PERCENT,
            tuple(round(one, 1) for one in percents),
        ),
        bench.below("servers marked down by overload", 0, "", [went_down], "sum"),
        bench.below("load's fall to normal latency", RECOVERY_S, "s", recoveries),
    ]


def marked_down(under: Bench) -> int:
    """Return how often HAProxy has taken a server out since it started, all servers together."""
    lines = httpx.get(f"{under.settings.stats_url}/;csv", timeout=5, trust_env=False).text
    header, *rows = (line.split(",") for line in lines.removeprefix("# ").splitlines() if line)
    name, server, downs = header.index("pxname"), header.index("svname"), header.index("chkdown")
    return sum(int(row[downs]) for row in rows if row[name] == "predictors" and row[server] != "BACKEND")


def best_goodput_per_s(under: Bench, guess_per_s: float) -> float:
    """Raise a constant load in steps until more does not help; return the best goodput (requests/s)."""
    best = 0.0
    rate = guess_per_s * START_SHARE
    for _ in range(STEPS_MAX):
        with under.constant_load(f"goodput-{rate:.0f}", rate, STEP_S) as load:
            rows = to_the_end(load)
        if not rows:
            raise GeneratorError("the load generator sent nothing", remedy="see locust.log in the folder")
        start = rows[0].scheduled_s
        goodput = bench.goodput_per_s(rows, start + SETTLE_S, start + STEP_S - 1)
        under.say(f"overload: {rate:.0f} requests/s sent, {goodput:.0f} served in time")
        # Beyond the peak: what is sent is well above what is served, and more does not help.
        if goodput < 0.85 * rate and goodput < 1.02 * best:
            break
        best = max(best, goodput)
        rate *= STEP_FACTOR
    return best


def spike(under: Bench, capacity_per_s: float) -> tuple[list[Request], float, float]:
    """Send half the capacity, three times, half again; return the rows, the spike's start and end."""
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
        bench.collect(load, rows)
    time.sleep(0.1)
    bench.collect(load, rows)
    return sorted(rows, key=lambda row: row.scheduled_s)


def recovery_s(rows: list[Request], starts_s: float, ends_s: float) -> float:
    """Return the time (s) from the load's fall until it is as before the spike, to the end; inf if never."""
    points = [
        Point(
            row.scheduled_s,
            row.latency_ms if row.failure in (records.NONE, records.LATE) else None,
            row.failure == records.NONE,
        )
        for row in rows
    ]
    recovered_s = usual.recovered_s(points, starts_s, ends_s)
    return math.inf if recovered_s is None else recovered_s - ends_s
