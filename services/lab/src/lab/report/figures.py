"""The timeline as a Plotly figure: plain data in Plotly's format, colours by name (see theme.py).

One time axis; from above: load, latency, failures, the servers' states with the faults and the
decisions.
"""

from collections.abc import Sequence
from html import escape
from itertools import accumulate
from typing import Any

from hadr.contract import Verb
from lab.report.events import CONTROLLER
from lab.report.traces import DECISIONS, FAULTS, Timeline, decided, traces

PANEL_PX, FAILURES_PX, ROW_PX, GAP_PX, BOTTOM_PX, TOP_PX, LEFT_PX = 130, 90, 26, 40, 44, 26, 86
LATENCY_TICKS_MS = (1, 3, 10, 30, 100, 300, 1000, 3000, 10_000, 30_000)
LINES_MAX = 60
Figure = dict[str, Any]


def timeline(shown: Timeline) -> Figure:
    """Return the figure; panels without records are left out."""
    rows = _rows(shown)
    panels = [("y", PANEL_PX), ("y2", PANEL_PX), ("y3", FAILURES_PX)] if shown.series.bins else []
    panels += [("y4", ROW_PX * len(rows) + 6)] if rows else []
    domains, height = _domains(panels)
    layout: dict[str, Any] = {
        "height": height,
        "margin": {"l": LEFT_PX, "r": 12, "t": TOP_PX, "b": BOTTOM_PX},
        "paper_bgcolor": "@surface@",
        "plot_bgcolor": "@surface@",
        "font": {"family": "system-ui, sans-serif", "size": 12, "color": "@ink@"},
        "hoverlabel": {
            "bgcolor": "@surface@",
            "bordercolor": "@line@",
            "font": {"color": "@ink@"},
            "align": "left",
        },
        "showlegend": False,
        "barmode": "stack",
        "bargap": 0,
        "hovermode": "closest",
        "uniformtext": {"minsize": 9, "mode": "hide"},
        "xaxis": {
            "title": {"text": f"seconds since {shown.zero_name}", "standoff": 8},
            "anchor": panels[-1][0] if panels else "y",
            "range": list(extent(shown)),
            "gridcolor": "@grid@",
            "linecolor": "@line@",
            "zeroline": False,
            "showspikes": True,
            "spikemode": "across",
            "spikethickness": 1,
            "spikecolor": "@muted@",
            "spikedash": "dot",
        },
        "shapes": _shapes(shown),
        "annotations": [_heading(name, domains[name][1]) for name, _ in panels],
    }
    for name, domain in domains.items():
        layout["yaxis" + name[1:]] = {"domain": domain, "anchor": "x", **_axis(name, shown, rows)}
    return {"data": traces(shown, with_rows=bool(rows)), "layout": layout}


def extent(shown: Timeline) -> tuple[float, float]:
    """Return the first and the last moment that a record tells of, in seconds."""
    ends = [(bar.at_s, bar.at_s + shown.series.width_s) for bar in shown.series.bins]
    ends += [(band.start_s, band.end_s) for band in shown.bands]
    ends += [(span.time_s, span.ended_s or span.time_s) for span in shown.spans]
    if not ends:
        return 0.0, 1.0
    return min(start for start, _ in ends), max(end for _, end in ends)


def _domains(panels: Sequence[tuple[str, int]]) -> tuple[dict[str, list[float]], int]:
    """Share the height out among the panels, from above.

    Return their shares and the figure's height.
    """
    inner = sum(height for _, height in panels) + GAP_PX * max(len(panels) - 1, 0) or 1
    tops = accumulate((height + GAP_PX for _, height in panels), initial=0)
    domains = {
        name: [max(1 - (top + height) / inner, 0.0), 1 - top / inner]
        for (name, height), top in zip(panels, tops, strict=False)
    }
    return domains, inner + TOP_PX + BOTTOM_PX


def _rows(shown: Timeline) -> list[str]:
    """Return the rows of the lowest panel, from above."""
    rows = [FAULTS] if shown.spans else []
    rows += [DECISIONS] if any(event.source == CONTROLLER for event in shown.events) else []
    return rows + list(dict.fromkeys(escape(band.server) for band in shown.bands))


def _heading(name: str, top: float) -> dict[str, Any]:
    def key(colour: str, glyph: str, text: str) -> str:
        return f'<span style="color:@{colour}@">{glyph}</span> {text}'

    keys = {
        "y": ("Load, requests/s", key("offered", "┅", "offered"), key("served", "━", "served")),
        "y2": ("Latency, ms", key("p50", "━", "p50"), key("p99", "┅", "p99")),
        "y3": (
            "Failures",
            key("refused", "■", "refused"),
            key("error", "■", "errors"),
            key("late", "■", "late"),
            key("wrong", "■", "wrong"),
            key("lost", "✕", "lost"),
        ),
        "y4": (
            key("rotation", "■", "in rotation"),
            key("parked", "■", "parked"),
            key("starting", "■", "starting"),
            key("down", "■", "down"),
        ),
    }[name]
    text = "  ".join(keys) if name == "y4" else f"<b>{keys[0]}</b>  " + "  ".join(keys[1:])
    return {
        "text": text,
        "xref": "paper",
        "yref": "paper",
        "x": 0,
        "y": top,
        "xanchor": "left",
        "yanchor": "bottom",
        "xshift": 4 - LEFT_PX,
        "yshift": 3,
        "showarrow": False,
        "align": "left",
    }


def _axis(name: str, shown: Timeline, rows: Sequence[str]) -> dict[str, Any]:
    plain = {"gridcolor": "@grid@", "zeroline": False, "fixedrange": True}
    if name == "y2":
        slow = [bar.p99_ms for bar in shown.series.bins if bar.p99_ms]
        ticks = [tick for tick in LATENCY_TICKS_MS if not slow or tick <= max(slow) * 3]
        return {**plain, "type": "log", "tickvals": ticks, "ticktext": [f"{tick:,}" for tick in ticks]}
    if name == "y4":
        shape = {"type": "category", "categoryarray": rows[::-1], "range": [-0.6, len(rows) - 0.4]}
        return {**plain, **shape, "categoryorder": "array", "showgrid": False, "ticks": ""}
    return {**plain, "rangemode": "tozero", "nticks": 5}


def _shapes(shown: Timeline) -> list[dict[str, Any]]:
    """Faults as shaded spans with a line at each end; promotions and demotions as dotted lines."""
    shapes: list[dict[str, Any]] = []
    across = {"xref": "x", "yref": "paper", "y0": 0, "y1": 1, "layer": "below"}
    for span in shown.spans[:LINES_MAX]:
        end = span.time_s if span.ended_s is None else span.ended_s
        box = {"type": "rect", "x0": span.time_s, "x1": end, "fillcolor": "@fault@", "opacity": 0.10}
        shapes.append({**across, **box, "line": {"width": 0}})
        for at, dash in ((span.time_s, "solid"), (end, "dash")):
            line = {
                "type": "line",
                "x0": at,
                "x1": at,
                "line": {"color": "@fault@", "width": 1.5, "dash": dash},
            }
            shapes.append({**across, **line, "layer": "above"})
    moves = [event for event in decided(shown) if event.action in (Verb.PROMOTE, Verb.DEMOTE)]
    for event in moves[:LINES_MAX]:
        line = {"color": "@decision@", "width": 1, "dash": "dot"}
        ends = {"x0": event.at_s, "x1": event.at_s, "layer": "above"}
        shapes.append({**across, **ends, "type": "line", "line": line})
    return shapes
