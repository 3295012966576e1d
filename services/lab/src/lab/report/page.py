"""Puts the page together: one file that holds its styles, its script, Plotly and the data.

A content security policy forbids the page everything but what is in it: nothing is fetched, and no
script runs whose hash is not named. Texts of the records are escaped by the template.
"""

import base64
import hashlib
import importlib.metadata
import json
import os
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import jinja2

from lab.errors import LabError, RecordsError
from lab.facts import milestones, service
from lab.records.folder import LEDGER
from lab.records.times import clock
from lab.report import bands, figures, series, stake, tables, theme
from lab.report import events as happened
from lab.report.folder import Records, read
from lab.report.terminal import sentence
from lab.report.traces import Timeline
from lab.settings import SETTINGS

REPORT = "report.html"
TEMPLATES = Path(__file__).parent / "templates"
JOURNAL_SHOWN = 2000
EVENTS_SHOWN = 200
GIVEN = ("ARRIVALS", "LIMIT_MS", "TIMEOUT_S", "IDLE_MIN")
"""What a person may set for an experiment; its scenario says the rest."""
PLOTLY = "plotly/package_data/plotly.min.js"
SYMBOLS = {"met": "✓", "not met": "✗", "invalid": "!", "could not run": "!", "not applicable": "/"}


def write(folder: Path) -> Path:
    """Write report.html from the folder's records, whole or not at all; return its path."""
    path = folder / REPORT
    partial = path.with_name(path.name + ".part")
    partial.write_text(html(read(folder)), encoding="utf-8")
    os.replace(partial, path)  # noqa: PTH105 - the name says what it is for
    return path


def try_write(folder: Path) -> None:
    """Write report.html; a report that cannot be made does not take the verdict with it."""
    try:
        write(folder)
    except LabError as error:
        print(f"no report.html: {error.message()}")


def html(found: Records) -> str:
    """Return the page."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "number": tables.number,
        "clock": clock,
        "sentence": sentence,
        "words": lambda name: str(name).replace("_", " "),
    }
    remarks = list(found.remarks)
    figure = timeline_of(found, remarks)
    scripts = (plotly_js(), (TEMPLATES / "report.js").read_text(encoding="utf-8")) if figure["data"] else ()
    return environment.get_template("report.html").render(
        found=found,
        verdict=found.verdict,
        state=str(found.verdict.get("verdict") or "unknown"),
        symbol=SYMBOLS.get(str(found.verdict.get("verdict")), "?"),
        remarks=remarks,
        tables=tables,
        at_stake=stake.sentences(found.verdict, found.ledger),
        ledger_file=LEDGER,
        zero=found.zero_s,
        events=happened.events(found.faults, found.journal, found.zero_s)[:EVENTS_SHOWN],
        journal=found.journal[:JOURNAL_SHOWN],
        band_definitions=bands.DEFINITIONS,
        commands=commands(found),
        service=service.described(found.settings.get("service") or {}),
        when=_when(found),
        dark=theme.css(theme.DARK),
        light=theme.css(theme.LIGHT),
        figure=_json({"figure": figure, "themes": {"light": theme.LIGHT, "dark": theme.DARK}}),
        drawn=bool(figure["data"]),
        scripts=scripts,
        hashes=[_hash(script) for script in scripts],
    )


def timeline_of(found: Records, remarks: list[str]) -> figures.Figure:
    """Return the timeline; what cannot be drawn is added to the remarks."""
    counted = series.Series(series.WIDTHS_S[0], ())
    if found.requests is not None:
        try:
            counted = series.read(found.requests, found.zero_s)
        except RecordsError as error:
            remarks.append(error.what)
    return figures.timeline(
        Timeline(
            series=counted,
            bands=bands.bands(found.samples, found.zero_s),
            events=happened.events(found.faults, found.journal, found.zero_s),
            spans=[span.since(found.zero_s) for span in milestones.fault_spans(found.faults)],
            lost=found.ledger.get("lost") or (),
            zero_s=found.zero_s,
            zero_name=found.zero_name,
        )
    )


def plotly_js() -> str:
    """Return Plotly's script.

    Its Python package is only carried along: importing it would cost a second.
    """
    try:
        file = importlib.metadata.distribution("plotly").locate_file(PLOTLY)
        return Path(str(file)).read_text(encoding="utf-8")
    except (importlib.metadata.PackageNotFoundError, FileNotFoundError) as error:
        raise LabError(
            f"Plotly is missing: {error}",
            cause="the requirements of the lab changed since they were installed",
            remedy="build the lab's image again (make up does), or .venv (make test does)",
        ) from error


def _json(content: Any) -> str:
    """Return JSON that cannot end the script element that holds it."""
    text = json.dumps(content, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")


def _hash(script: str) -> str:
    digest = hashlib.sha256(script.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"


def commands(found: Records) -> list[str]:
    """Return the commands that run the same again."""
    verdict = found.verdict
    up = f"make up TOPOLOGY={verdict.get('topology') or found.settings.get('topology') or '?'}"
    up = " ".join([up, *service.variables(found.settings.get("service") or {})])
    run = f"make experiment SCENARIO={verdict.get('scenario') or '?'}"
    if verdict.get("seed") is not None:
        run += f" SEED={verdict['seed']}"
    return [up, " ".join([run, *_changed(found.settings.get("settings") or {})])]


def _changed(saved: Mapping[str, Any]) -> list[str]:
    """Return `NAME=value` for each setting that a person gave another value than the usual."""
    given = [item for item in SETTINGS if item.env in GIVEN and item.name in saved]
    return [
        f"{item.env}={saved[item.name]}" for item in given if saved[item.name] != item.value(item.default)
    ]


def _when(found: Records) -> str:
    started = found.verdict.get("started_s") or found.settings.get("started_s")
    if not isinstance(started, int | float):
        return ""
    ended = found.verdict.get("ended_s")
    text = f"{datetime.fromtimestamp(started, UTC):%d %B %Y, %H:%M:%S} UTC"
    return f"{text}, {ended - started:.0f} s long" if isinstance(ended, int | float) else text
