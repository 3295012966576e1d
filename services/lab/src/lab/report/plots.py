"""Draws the comparison of topologies.

Rate at the first failure, and what came of each offered rate.

Colours are those of Okabe and Ito, which colour-blind people can tell apart; lines differ in their
dashes and markers too.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lab.facts.compare import ARTICLE_RATE_PER_S, RateRow
from lab.facts.first_failures import Rates
from lab.facts.metrics import Second

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
ARTICLE_COLOUR = "#999999"
MARKERS = ("o", "s", "^", "D", "v", "P")
BINS = 24


def draw(rates: Sequence[RateRow], curves: Sequence[Sequence[Second]], stem: Path) -> tuple[Path, Path]:
    """Draw both charts side by side; return the PNG and the SVG."""
    # Names in an SVG are random otherwise: the same records give the same file.
    mpl.rcParams["svg.hashsalt"] = "hadr-lab"
    figure = Figure(figsize=(12, 4.8), dpi=150, layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=(1, 1.5))
    _bars(left, rates)
    _curves(right, rates, curves)
    files = (stem.with_suffix(".png"), stem.with_suffix(".svg"))
    figure.savefig(files[0])
    figure.savefig(files[1], metadata={"Date": None})
    return files


def _bars(axes: Axes, rates: Sequence[RateRow]) -> None:
    """Draw the medians, the ranges and each run as a point (hollow: no failure up to there)."""
    positions = range(len(rates))
    heights = [row.rates.median.per_s if row.rates.median else 0.0 for row in rates]
    axes.bar(positions, heights, width=0.6, color=[_colour(number) for number in positions], alpha=0.75)
    top = max([*heights, 1.0])
    for position, row in enumerate(rates):
        values = row.rates.values
        top = max([top, *(value.per_s for value in values)])
        for value in values:
            face = "white" if value.above else "#222222"
            axes.plot(position, value.per_s, "o", color="#222222", markerfacecolor=face, markersize=4)
        if len(values) > 1:
            lowest, highest = min(value.per_s for value in values), max(value.per_s for value in values)
            axes.vlines(position, lowest, highest, color="#222222", linewidth=1.2)
        highest = max([heights[position], *(value.per_s for value in values)])
        axes.annotate(
            _label(row.rates),
            (position, highest),
            xytext=(0, 5),
            textcoords="offset points",
            ha="center",
            fontweight="bold",
            fontsize="small",
        )
    names = [f"{row.topology}\n{_servers(row.servers)}{_article(row)}" for row in rates]
    axes.set_xticks(list(positions), names)
    axes.set_ylabel("rate at the first failure (requests/s)")
    axes.set_title("Rate at the first failure: median, range, runs")
    axes.set_ylim(0, top * 1.2)
    _tidy(axes)


def _label(rates: Rates) -> str:
    if rates.median is None:
        return "no valid run"
    above = ">" if rates.median.above else ""
    return f"{above}{rates.median.per_s:.0f} (n={rates.n})"


def _servers(count: int) -> str:
    return f"{count} server{'' if count == 1 else 's'}"


def _article(row: RateRow) -> str:
    rate = ARTICLE_RATE_PER_S.get(row.topology)
    return "" if rate is None else f"\narticle: {rate:g}"


def _curves(axes: Axes, rates: Sequence[RateRow], curves: Sequence[Sequence[Second]]) -> None:
    highest = max((second.offered_requests for seconds in curves for second in seconds), default=1)
    axes.plot(
        [0, highest], [0, highest], color=ARTICLE_COLOUR, linewidth=1, linestyle=":", label="all served"
    )
    for number, (row, seconds) in enumerate(zip(rates, curves, strict=True)):
        points = binned(seconds, highest / BINS)
        offered = [point[0] for point in points]
        look: dict[str, Any] = {
            "color": _colour(number),
            "marker": MARKERS[number % len(MARKERS)],
            "markersize": 4,
        }
        axes.plot(offered, [point[1] for point in points], label=f"{row.topology}: served", **look)
        failed = [point[2] for point in points]
        if any(failed):
            axes.plot(
                offered,
                failed,
                label=f"{row.topology}: failed",
                linestyle="--",
                markerfacecolor="white",
                **look,
            )
    axes.set_xlabel("offered rate (requests/s)")
    axes.set_ylabel("outcome (requests/s)")
    axes.set_title("What came of the offered load")
    axes.set_xlim(left=0)
    axes.set_ylim(bottom=0)
    axes.legend(frameon=False, fontsize="small")
    _tidy(axes)


def binned(seconds: Sequence[Second], width_per_s: float) -> list[tuple[float, float, float]]:
    """Average seconds of about the same offered rate: (offered, served, failed) per second."""
    bins: dict[int, list[Second]] = {}
    for second in seconds:
        bins.setdefault(int(second.offered_requests / width_per_s), []).append(second)
    return [
        (
            sum(second.offered_requests for second in group) / len(group),
            sum(second.served_requests for second in group) / len(group),
            sum(second.failed_requests for second in group) / len(group),
        )
        for _, group in sorted(bins.items())
    ]


def _colour(number: int) -> str:
    return COLOURS[number % len(COLOURS)]


def _tidy(axes: Axes) -> None:
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis="y", color="#dddddd", linewidth=0.6)
    axes.set_axisbelow(True)
