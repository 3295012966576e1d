"""The timeline's traces: what is drawn in each of its panels, in Plotly's format. Pure.

Texts go through Plotly's small markup: whatever comes from a record is escaped and cut into lines.
"""

import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

from hadr.contract import Verb
from lab.facts.milestones import FaultSpan
from lab.report import bands as states
from lab.report.bands import Band
from lab.report.events import CONTROLLER, DECISION, Mark
from lab.report.series import Series

HOVER_CHARACTERS = 56
DECISIONS, FAULTS = "controller", "faults"
LOOK = {
    states.IN_ROTATION: ("@rotation@", "@onband@", ""),
    states.PARKED: ("@parked@", "@onpale@", ""),
    states.STARTING: ("@starting@", "#10151a", "/"),
    states.DOWN: ("@down@", "@onband@", "x"),
    states.UNKNOWN: ("@unknown@", "@onpale@", "."),
}
SYMBOLS: dict[str, str] = {
    Verb.PROMOTE: "triangle-up",
    Verb.DEMOTE: "triangle-down",
    Verb.MARK_DOWN: "x",
    Verb.START: "circle",
}
Trace = dict[str, Any]


@dataclass(frozen=True)
class Timeline:
    """Everything that the timeline shows."""

    series: Series
    bands: Sequence[Band]
    events: Sequence[Mark]
    spans: Sequence[FaultSpan]
    lost: Sequence[Mapping[str, Any]]
    zero_s: float
    zero_name: str


def hover(text: str) -> str:
    """Return a text as Plotly shows it in a label: escaped, in lines that fit on a phone."""
    return "<br>".join(escape(line) for line in textwrap.wrap(text, HOVER_CHARACTERS))


def traces(shown: Timeline, *, with_rows: bool) -> list[Trace]:
    """Return all traces; those of the lowest panel only if it has rows."""
    result = [*_load(shown), *_latency(shown), *_failures(shown)] if shown.series.bins else []
    if with_rows:
        result += [*_states(shown), *_faults(shown), *_decisions(shown)]
    return result


def _line(x: list[float], y: list[Any], axis: str, name: str, **look: Any) -> Trace:
    unit = "requests/s" if axis == "y" else "ms"
    return {
        "type": "scatter",
        "mode": "lines",
        "x": x,
        "y": y,
        "yaxis": axis,
        "name": name,
        "line": {"width": 1.6, **look},
        "hovertemplate": f"{name}: %{{y:.3~g}} {unit}<br>%{{x:.2f}} s<extra></extra>",
    }


def _load(shown: Timeline) -> list[Trace]:
    bins = shown.series.whole
    x = [bar.at_s for bar in bins]
    return [
        _line(
            x, [bar.offered_per_s for bar in bins], "y", "offered", color="@offered@", dash="dot", shape="hv"
        ),
        _line(x, [bar.served_per_s for bar in bins], "y", "served", color="@served@", shape="hv"),
    ]


def _latency(shown: Timeline) -> list[Trace]:
    bins, half = shown.series.whole, shown.series.width_s / 2
    x = [round(bar.at_s + half, 6) for bar in bins]
    p50, p99 = [_rounded(bar.p50_ms) for bar in bins], [_rounded(bar.p99_ms) for bar in bins]
    return [
        _line(x, p99, "y2", "p99", color="@p99@", dash="dot"),
        _line(x, p50, "y2", "p50", color="@p50@"),
    ]


def _rounded(value_ms: float | None) -> float | None:
    return None if value_ms is None else round(value_ms, 2)


def _failures(shown: Timeline) -> list[Trace]:
    bins, width = shown.series.bins, shown.series.width_s
    traces: list[Trace] = [
        {
            "type": "bar",
            "x": [bar.at_s for bar in bins if getattr(bar, kind)],
            "y": [getattr(bar, kind) for bar in bins if getattr(bar, kind)],
            "width": width,
            "offset": 0,
            "yaxis": "y3",
            "name": name,
            "marker": {"color": f"@{kind}@", "line": {"width": 0}},
            "hovertemplate": f"{name}: %{{y}} in {width:g} s<br>from %{{x:.2f}} s<extra></extra>",
        }
        for kind, name in (
            ("refused", "refused"),
            ("error", "errors"),
            ("late", "late"),
            ("wrong", "wrong answers"),
        )
    ]
    known = [request for request in shown.lost if isinstance(request.get("time"), int | float)]
    text = [
        hover(
            f"{request.get('class')} at {request.get('server') or 'no server'}: {request.get('request_id')}"
        )
        for request in known
    ]
    marks = {
        "type": "scatter",
        "mode": "markers",
        "x": [request["time"] - shown.zero_s for request in known],
        "y": [0] * len(known),
        "yaxis": "y3",
        "name": "lost",
        "text": text,
        "marker": {"symbol": "x-thin", "size": 9, "color": "@lost@", "line": {"width": 2, "color": "@lost@"}},
        "cliponaxis": False,
        "hovertemplate": "%{text}<br>%{x:.3f} s<extra></extra>",
    }
    return [*traces, marks]


def _states(shown: Timeline) -> list[Trace]:
    traces = []
    for state, (colour, ink, pattern) in LOOK.items():
        own = [band for band in shown.bands if band.state == state]
        if not own:
            continue
        traces.append(
            {
                "type": "bar",
                "orientation": "h",
                "y": [escape(band.server) for band in own],
                "base": [round(band.start_s, 3) for band in own],
                "x": [round(band.end_s - band.start_s, 3) for band in own],
                "width": 0.72,
                "yaxis": "y4",
                "name": state,
                "text": [state] * len(own),
                "textposition": "inside",
                "insidetextanchor": "middle",
                "textangle": 0,
                "insidetextfont": {"color": ink, "size": 11},
                "customdata": [[hover(band.reason), round(band.end_s, 2)] for band in own],
                "marker": {
                    "color": colour,
                    "line": {"width": 0},
                    "pattern": {
                        "shape": pattern,
                        "size": 6,
                        "solidity": 0.18,
                        "fgcolor": "@surface@",
                        "bgcolor": colour,
                    },
                },
                "hovertemplate": f"%{{y}}: {state}<br>%{{base:.2f}} to %{{customdata[1]}} s"
                "<br>%{customdata[0]}<extra></extra>",
            }
        )
    return traces


def _faults(shown: Timeline) -> list[Trace]:
    text = [escape(f"{span.fault} {span.target}") for span in shown.spans]
    lasting = [span for span in shown.spans if span.ended_s is not None]
    common = {"yaxis": "y4", "name": FAULTS}
    bars = {
        "type": "bar",
        "orientation": "h",
        "y": [FAULTS] * len(lasting),
        "base": [span.time_s for span in lasting],
        "x": [(span.ended_s or 0) - span.time_s for span in lasting],
        "width": 0.3,
        "marker": {"color": "@fault@", "opacity": 0.75},
        "hoverinfo": "skip",
    }
    heads = {
        "type": "scatter",
        "mode": "markers+text",
        "x": [span.time_s for span in shown.spans],
        "y": [FAULTS] * len(shown.spans),
        "text": [f"{label} " if number == 0 else "" for number, label in enumerate(text)],
        "customdata": [[label, hover(span.detail)] for label, span in zip(text, shown.spans, strict=True)],
        "textposition": "middle left",
        "textfont": {"color": "@ink@", "size": 11},
        "marker": {"symbol": "diamond", "size": 10, "color": "@fault@"},
        "hovertemplate": "%{customdata[0]}<br>%{x:.3f} s<br>%{customdata[1]}<extra></extra>",
    }
    return [{**bars, **common}, {**heads, **common}] if shown.spans else []


def decided(shown: Timeline) -> list[Mark]:
    """Return the controller's decisions."""
    return [event for event in shown.events if event.source == CONTROLLER and event.kind == DECISION]


def _decisions(shown: Timeline) -> list[Trace]:
    decisions = decided(shown)
    return [
        {
            "type": "scatter",
            "mode": "markers",
            "x": [event.at_s for event in decisions],
            "y": [DECISIONS] * len(decisions),
            "yaxis": "y4",
            "name": DECISION,
            "text": [hover(f"{event.action} {event.server}: {event.text}") for event in decisions],
            "marker": {
                "symbol": [SYMBOLS.get(event.action, "square") for event in decisions],
                "size": 9,
                "color": "@decision@",
            },
            "hovertemplate": "%{text}<br>%{x:.3f} s<extra></extra>",
        }
    ]
