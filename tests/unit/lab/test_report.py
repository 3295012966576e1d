"""The report of an experiment.

Complete, offline, safe, readable, and made even from half a folder.
"""

import importlib
import io
import json
import os
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest
from rich.console import Console

from lab import __main__ as lab
from lab.errors import RecordsError
from lab.facts import ledger, milestones
from lab.facts.ledger import DEFINITIONS
from lab.report import bands, events, page, series, short, stake, tables, theme, traces
from lab.report import folder as records
from unit.lab import experiment_folder as planted
from unit.lab.journal_entries import KILLED_AND_REPLACED, T0
from unit.lab.planted_records import RIGHT, Planted
from unit.paths import PYTHONPATH

SECTIONS = (
    "verdict",
    "h-timeline",
    "h-budget",
    "h-ledger",
    "h-servers",
    "h-invariants",
    "h-journal",
    "h-settings",
    "h-again",
)
OPTIONAL = (
    "ledger.json",
    "story.json",
    "invariants.json",
    "settings.json",
    "samples.jsonl",
    "faults.jsonl",
    "journal.jsonl",
    "requests.csv",
    "scenario.yaml",
)
HOSTILE = '<script>alert("x")</script><img src=x onerror=alert(1)>&amp;'


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return planted.plant(tmp_path_factory.mktemp("results") / "20251121T220000Z-2-active-kill-active")


@pytest.fixture(scope="module")
def html(folder: Path) -> str:
    return page.write(folder).read_text(encoding="utf-8")


def without_scripts(html: str) -> str:
    return re.sub(r"<script.*?</script>", "", html, flags=re.DOTALL)


class Page(HTMLParser):
    """Collects a page's elements, and the text outside of scripts and styles."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self._raw = False
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        self._raw = tag in ("script", "style")

    def handle_endtag(self, _tag: str) -> None:
        self._raw = False

    def handle_data(self, data: str) -> None:
        if not self._raw:
            self.text += f"{data} "

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]


def in_words(html: str) -> str:
    return " ".join(Page(without_scripts(html)).text.split())


# --- what is on the page ---


def test_the_sections_stand_in_their_order_and_the_verdict_is_first(html: str) -> None:
    places = [html.index(f'id="{name}"') for name in SECTIONS]
    assert places == sorted(places)
    assert html.index("not met") < html.index('id="h-timeline"')


def test_each_section_tells_what_its_records_hold(html: str) -> None:
    text = in_words(html)
    for told in (
        "lost requests: 3, expected 0",  # verdict: why
        "out of service, at most 200 ms 60 ms",  # an expectation
        "first served",  # the budget
        "± 1.2 ms",
        DEFINITIONS["lost_in_flight"],  # the ledger
        "waiting for the reply's headers",  # a lost request
        "no promotion of an unproven server",  # an invariant
        "predictor-1 refused connections; predictor-3 takes its place",  # the journal
        "haproxy 3.0.11",  # versions
        "a CPU with 2 cores",  # machine
        "emulated accelerator: 1 slot x 25 ms = 40 requests/s per server",
        "make up TOPOLOGY=2-active SERVICE_MS=25 SLOTS=1",  # how to run it again
        "make experiment SCENARIO=kill-active SEED=7 LIMIT_MS=900.0",
        "The active server is killed.",  # the scenario as run
    ):
        assert told in text, told


def test_every_class_of_the_ledger_is_shown_with_its_count(html: str) -> None:
    text = in_words(html)
    for name, count in planted.ledger()["classes"].items():
        assert re.search(
            rf"{name.replace('_', ' ')} {re.escape(DEFINITIONS[name])} {count:,} [\d.e-]+ %", text
        ), name


def test_only_the_first_lost_requests_are_listed(tmp_path: Path) -> None:
    folder = planted.plant(tmp_path / "run")
    ledger = planted.ledger()
    ledger["lost"] = [{**ledger["lost"][0], "request_id": f"lost-{number:04}"} for number in range(800)]
    (folder / "ledger.json").write_text(json.dumps(ledger), encoding="utf-8")
    text = without_scripts(page.write(folder).read_text(encoding="utf-8"))
    assert len(re.findall(r"lost-\d{4}", text)) == 50
    assert "The first 50 of 800" in text


# --- offline, safe ---


def test_nothing_outside_of_the_page_is_named_or_may_be_loaded(html: str) -> None:
    """Plotly's own text holds addresses of maps that are never drawn.

    The policy forbids to load any.
    """
    own = without_scripts(html)
    hosts = set(re.findall(r"://([\w.-]+)", own))
    assert hosts <= {"haproxy", "controller", "fault-proxy", "watchdog"}, (
        "the values of the lab's settings, as text"
    )
    assert not re.search(r"\b(src|href|action)\s*=|@import|url\(", own)
    (policy,) = [meta["content"] or "" for meta in Page(html).all("meta") if "http-equiv" in meta]
    assert policy.startswith("default-src 'none';")
    assert len(re.findall(r"'sha256-[\w+/]+=*'", policy)) == 2
    assert "connect-src" not in policy
    assert all("src" not in script for script in Page(html).all("script"))


def test_texts_of_the_records_are_never_markup(tmp_path: Path) -> None:
    folder = planted.plant(tmp_path / "run")
    for file in ("verdict.json", "ledger.json", "invariants.json", "story.json", "settings.json"):
        raw = json.loads((folder / file).read_text(encoding="utf-8"))
        (folder / file).write_text(json.dumps(_hostile(raw)), encoding="utf-8")
    for file in ("samples.jsonl", "faults.jsonl", "journal.jsonl"):
        lines = [json.loads(line) for line in (folder / file).read_text(encoding="utf-8").splitlines()]
        text = "".join(f"{json.dumps(_hostile(line))}\n" for line in lines)
        (folder / file).write_text(text, encoding="utf-8")
    (folder / "scenario.yaml").write_text(HOSTILE, encoding="utf-8")
    html = page.write(folder).read_text(encoding="utf-8")
    found = Page(html)
    assert len(found.all("script")) == 3  # the data, Plotly, the page's own
    assert not found.all("img")
    assert not [name for _, attributes in found.elements for name in attributes if name.startswith("on")]
    drawn = re.search(r'<script type="application/json" id="data">(.*?)</script>', html, re.DOTALL)
    assert drawn
    assert "<" not in drawn.group(1)
    assert "<script" not in json.dumps(json.loads(drawn.group(1))), "Plotly reads markup in texts, too"


def _hostile(raw: object, key: str = "") -> object:
    """Add markup to every text but those that say what kind of record it is."""
    if isinstance(raw, dict):
        return {name: _hostile(value, name) for name, value in raw.items()}
    if isinstance(raw, list):
        return [_hostile(value, key) for value in raw]
    kinds = ("event", "health", "container", "action", "verdict")
    return f"{raw}{HOSTILE}" if isinstance(raw, str) and key not in kinds else raw


# --- readable ---


def test_each_table_has_headers_and_a_name_and_the_chart_a_text(html: str) -> None:
    found = Page(html)
    assert found.all("html")[0]["lang"] == "en"
    assert all(header.get("scope") in ("row", "col") for header in found.all("th"))
    assert html.count("<thead>") == len(found.all("table"))
    regions = [div for div in found.all("div") if div.get("class") == "scroll"]
    assert len(regions) == len(found.all("table"))
    assert all(region.get("aria-label") and region.get("tabindex") == "0" for region in regions)
    (chart,) = [div for div in found.all("div") if div.get("id") == "timeline"]
    assert chart["role"] == "img"
    assert chart["aria-label"]


def test_the_page_follows_the_readers_colours_and_fits_a_phone(html: str) -> None:
    assert "prefers-color-scheme: dark" in html
    assert "@media print" in html
    assert any(meta.get("name") == "viewport" for meta in Page(html).all("meta"))


def luminance(colour: str) -> float:
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("colours", [theme.LIGHT, theme.DARK], ids=["light", "dark"])
def test_colours_stand_out_from_their_ground(colours: dict[str, str]) -> None:
    """As WCAG asks: 4.5 for texts, 3 for what is drawn."""
    for text in ("ink", "muted", "link", "good", "bad", "warn"):
        for ground in ("surface", "page"):
            assert contrast(colours[text], colours[ground]) >= 4.5, (text, ground)
    for drawn in (
        "offered",
        "served",
        "p50",
        "p99",
        "refused",
        "error",
        "late",
        "wrong",
        "lost",
        "down",
        "decision",
    ):
        assert contrast(colours[drawn], colours["surface"]) >= 3, drawn
    for band, text in (
        ("rotation", "onband"),
        ("down", "onband"),
        ("parked", "onpale"),
        ("unknown", "onpale"),
    ):
        assert contrast(colours[band], colours[text]) >= 4.5, band


# --- half a folder ---


@pytest.mark.parametrize("missing", [*([name] for name in OPTIONAL), list(OPTIONAL)], ids="+".join)
def test_a_page_is_made_without_a_file_and_says_that_it_is_missing(
    missing: list[str], tmp_path: Path
) -> None:
    folder = planted.plant(tmp_path / "run")
    for name in missing:
        (folder / name).unlink()
    html = page.write(folder).read_text(encoding="utf-8")
    assert [name for name in SECTIONS if f'id="{name}"' not in html] == []
    for name in missing:
        assert f"{name} is missing" in in_words(html)
    Console(file=io.StringIO()).print(short.terminal(folder))


def test_lines_and_files_that_are_broken_are_counted_not_trusted(tmp_path: Path) -> None:
    folder = planted.plant(tmp_path / "run")
    for name in ("samples.jsonl", "journal.jsonl", "requests.csv"):
        with (folder / name).open("a", encoding="utf-8") as file:
            file.write('{"time": 17637')  # as a process leaves it that was killed while it wrote
    (folder / "story.json").write_text("{", encoding="utf-8")
    text = in_words(page.write(folder).read_text(encoding="utf-8"))
    assert "samples.jsonl: 1 lines are not JSON objects" in text
    assert "journal.jsonl: 1 lines are not JSON objects" in text
    assert "story.json is not JSON" in text


def test_a_folder_without_a_verdict_is_no_experiment(tmp_path: Path) -> None:
    with pytest.raises(RecordsError, match=r"verdict\.json is missing"):
        page.write(tmp_path)


def test_a_page_is_written_whole_or_not_at_all(folder: Path, html: str) -> None:
    assert html.rstrip().endswith("</html>")
    assert not list(folder.glob("*.part"))


# --- the numbers ---


def test_every_request_is_in_one_bin(folder: Path) -> None:
    found = series.read(folder / "requests.csv", T0)
    width = found.width_s
    assert sum(bar.offered_per_s for bar in found.bins) * width == pytest.approx(planted.SENT)
    failed = (planted.LOST, planted.LATE, planted.SHED)
    assert sum(bar.error for bar in found.bins) == planted.LOST
    assert sum(bar.late for bar in found.bins) == planted.LATE
    assert sum(bar.refused for bar in found.bins) == planted.SHED
    assert sum(bar.served_per_s for bar in found.bins) * width == pytest.approx(planted.SENT - sum(failed))
    assert [bar.at_s for bar in found.bins] == [
        pytest.approx(found.bins[0].at_s + number * width) for number in range(len(found.bins))
    ], "no bin is left out"


def test_wrong_answers_are_counted_where_a_ledger_tells_them(tmp_path: Path) -> None:
    """The client saw status 200: only the comparison with the right answers shows it."""
    folder = Planted(tmp_path)
    for number in range(20):
        folder.request(number / 10, probability=0.9 if number in (3, 7) else RIGHT)
    ledger.build(folder.save())
    found = series.read(tmp_path / "requests.csv", T0)
    assert sum(bar.wrong for bar in found.bins) == 2
    assert sum(bar.served_per_s for bar in found.bins) * found.width_s == pytest.approx(18)


def test_a_second_without_any_reply_is_a_gap_and_not_a_zero(tmp_path: Path) -> None:
    rows = [
        {"request_id": "id", "scheduled_s": T0 + due, "sent_s": T0 + due, "latency_ms": 10, "service_ms": 10}
        | {"status": status, "failure": failure}
        for due, status, failure in ((0.0, 200, "none"), (1.0, 0, "error"), (2.0, 200, "none"))
    ]
    planted.write_rows(tmp_path / "requests.csv", rows)
    found = series.read(tmp_path / "requests.csv", T0)
    at = {bar.at_s: bar for bar in found.bins}
    assert (at[0.0].p50_ms, at[1.0].p50_ms, at[2.0].p50_ms) == (10, None, 10)
    assert at[1.0].offered_per_s > 0
    assert at[1.0].error == 1


@pytest.mark.parametrize(("span_s", "width_s"), [(10, 0.05), (30, 0.1), (60, 0.2), (300, 1), (3600, 30)])
def test_a_run_is_cut_into_no_more_bins_than_a_screen_shows(span_s: float, width_s: float) -> None:
    assert series.width_s(span_s) == width_s


@pytest.mark.parametrize(
    ("health", "container", "in_rotation", "state"),
    [
        ("up", "running", True, "in rotation"),
        ("up", "running", False, "parked"),
        ("starting", "running", False, "starting"),
        ("down", "restarting", False, "starting"),
        ("down", "exited", True, "down"),
        ("up", "paused", True, "down"),
        ("maintenance", "running", False, "down"),
    ],
)
def test_a_servers_state_is_one_of_few(health: str, container: str, in_rotation: bool, state: str) -> None:
    assert bands.state_of({"health": health, "container": container, "in_rotation": in_rotation}) == state


def test_bands_follow_the_samples() -> None:
    found = bands.bands(planted.samples(), T0)
    told = [(band.server, band.state, band.start_s, band.end_s) for band in found]
    assert ("predictor-1", "down", 0.0, 0.75) in told
    assert ("predictor-1", "starting", 0.75, 3.0) in told
    assert ("predictor-3", "in rotation", 0.0, 8.0) in told
    assert [each for each in told if each[0] == "predictor-2"] == [
        ("predictor-2", "in rotation", -10.0, 19.75)
    ]


def test_nothing_is_claimed_where_samples_are_missing() -> None:
    samples = planted.samples()
    found = bands.bands([*samples[:40], *samples[60:]], T0)
    assert [(band.start_s, band.end_s) for band in found if band.state == "unknown"] == [(-0.25, 5.0)] * 3


def test_a_fault_lasts_until_its_verified_end_and_one_without_it_has_none() -> None:
    (span,) = milestones.fault_spans(planted.faults())
    assert (span.target, span.time_s) == ("predictor-1", T0)
    assert span.ended_s == pytest.approx(T0 + 2.9)
    (span,) = milestones.fault_spans(planted.faults()[:-1])
    assert span.ended_s is None


def test_faults_and_decisions_are_told_in_the_order_of_time() -> None:
    told = events.events(planted.faults(), KILLED_AND_REPLACED, T0)
    assert [event.at_s for event in told] == sorted(event.at_s for event in told)
    words = [(event.what, event.server) for event in told]
    assert words[:3] == [
        ("fault asked for: kill", "predictor-1"),
        ("decision: mark_down", "predictor-1"),
        ("decision: promote", "predictor-3"),
    ]
    assert told[0].text == "SIGKILL to the container; signal = SIGKILL"
    assert told[3].text == "ok, after 0.8 ms: set server predictors/predictor-3 weight 100"


@pytest.mark.parametrize("zero", [0.0, T0], ids=["since the fault", "time of day"])
def test_the_budgets_bars_are_to_scale_and_the_long_repair_is_told_in_numbers(zero: float) -> None:
    raw = planted.story()
    for phase in raw["phases"]:
        phase["start_s"] += zero
        phase["end_s"] += zero
    *failover, repair = tables.phases(raw, T0)
    assert (repair.left_percent, repair.duration) == (None, "7,909 ms")
    detected = failover[1]
    assert detected.left_percent == pytest.approx(100 * 2.1 / 41.2, abs=0.01)
    assert detected.width_percent == pytest.approx(100 * 16.3 / 41.2, abs=0.01)
    assert failover[-1].left_percent is not None
    assert failover[-1].left_percent + failover[-1].width_percent == pytest.approx(100)


@pytest.mark.parametrize("phase", [{"name": "decided"}, {"name": "x", "start_s": None, "duration_ms": None}])
def test_a_phase_that_was_not_seen_has_no_bar(phase: dict[str, object]) -> None:
    (row,) = tables.phases({"phases": [phase]}, T0)
    assert (row.left_percent, row.duration, row.uncertainty) == (None, "-", "")


def test_an_expectation_shows_the_reason_where_there_is_no_number() -> None:
    raw = {"text": "promoted", "expected": "at most 100", "measured": "no standby", "unit": "ms", "met": None}
    (row,) = tables.expectations({"expectations": [raw]})
    assert (row.expected, row.measured, row.met) == ("at most 100 ms", "no standby", None)


@pytest.mark.parametrize("colours", [theme.LIGHT, theme.DARK], ids=["light", "dark"])
def test_plotly_knows_every_property_of_the_figure(folder: Path, colours: dict[str, str]) -> None:
    figure = page.timeline_of(records.read(folder), [])
    text = re.sub("@([a-z0-9]+)@", lambda named: colours[named[1]], json.dumps(figure))
    drawn = importlib.import_module("plotly.graph_objects").Figure(json.loads(text))
    assert {trace.name for trace in drawn.data} >= {"offered", "served", "p50", "p99", "lost", "in rotation"}


def test_a_long_reason_is_cut_into_lines_and_escaped() -> None:
    assert traces.hover("a < b") == "a &lt; b"
    assert all(len(line) <= traces.HOVER_CHARACTERS for line in traces.hover("word " * 60).split("<br>"))


# --- the terminal and the command ---


def test_the_terminals_form_is_short_and_begins_with_the_verdict(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Console(width=110).print(short.terminal(folder))
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("NOT MET  kill-active on 2-active, seed 7")
    assert len(lines) < 50
    assert any(line.split()[:3] == ["lost", "in", "flight"] for line in lines)
    at_stake = (
        "kill of predictor-1: 7 requests at stake until out of rotation (20.1 ms): 4 saved by a retry, 3 lost"
    )
    assert at_stake in lines


def test_a_zero_is_shown_with_its_bound() -> None:
    """Of requests only under a condition; of experiments it is one."""
    fates = {"exposed": 7, "saved_by_retry": 7, "lost": 0}
    said = stake.sentences(
        {"exposure": {"strokes": [], "total": fates}}, {"sent": 492, "classes": {"served": 492}}
    )
    assert said[0] == "0 of 7 requests at stake lost: at most 35 % (95 %), if requests fail independently"
    assert said[1].startswith("0 of 492 requests lost: at most 0.61 % (95 %), if requests fail independently")
    assert said[1].endswith("; of experiments this is one, and TRIALS=n bounds their share")
    assert stake.sentences({}, {"sent": 5, "classes": {"lost_in_flight": 1}}) == []


@pytest.mark.parametrize(
    ("verdict", "status"), [("met", 0), ("not met", 1), ("could not run", 2), ("invalid", 3), ("typo", 3)]
)
def test_the_exit_status_is_the_verdicts(verdict: str, status: int, tmp_path: Path) -> None:
    (tmp_path / "verdict.json").write_text(json.dumps({"verdict": verdict}), encoding="utf-8")
    assert short.status(tmp_path) == status
    html = page.write(tmp_path).read_text(encoding="utf-8")
    assert verdict in html
    assert len(html) < 100_000, "without a chart, Plotly is left out"


def test_the_command_draws_the_report_of_an_experiment_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    planted.plant(tmp_path / "run")
    monkeypatch.setenv("LAB_RESULTS", str(tmp_path))
    assert lab.main(["report", "run"]) == 1
    assert (tmp_path / "run/report.html").is_file()
    assert "report: results/run/report.html" in capsys.readouterr().out


def test_other_commands_do_not_wait_for_the_libraries_of_the_report() -> None:
    code = (
        "import sys, lab.commands.report; assert not {'jinja2', 'plotly'} & set(sys.modules); "
        "import lab.report; assert 'plotly' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, env=os.environ | {"PYTHONPATH": PYTHONPATH})
