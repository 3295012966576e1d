"""The comparison: the article's tables beside the lab's numbers, and the chart."""

from pathlib import Path

import pytest

from lab.facts import compare
from lab.facts.metrics import FirstFailure, Lag, Latency, Second, Server
from lab.facts.summary import Summary, load, save
from lab.facts.validity import Generator
from lab.load.cpu import CpuUse
from lab.report import plots


def run(topology: str, rate_per_s: float | None, *, valid: bool = True) -> Summary:
    """Return a run's summary with three servers."""
    first = FirstFailure(12.5, "refused", "a" * 32, rate_per_s, 61.0) if rate_per_s else None
    servers = (
        Server("haproxy", 5, 1, 0),
        Server("predictor-1", 500, 400, 10),
        Server("predictor-2", 480, 390, 9),
        Server("(no reply)", 1, 0, 0),
    )
    return Summary(
        folder=f"20261121T120000Z-{topology}",
        topology=topology,
        service={"predictor-1": {"kind": "bare", "capacity_per_s": None}},
        pattern="ramp",
        limit_ms=1000,
        duration_s=30,
        sent_requests=986,
        served_requests=980,
        refused_requests=5,
        error_requests=1,
        late_requests=0,
        generator_late_requests=0,
        rate_reached_per_s=300,
        rate_max_without_failure_per_s=100,
        rate_served_max_per_s=110,
        first_failure=first,
        latency=Latency(10, 20, 30, 40),
        servers=servers,
        lag=Lag(0, 3, 2, 0),
        generator=Generator(True, 986, 0, 40, 0, "requests failed"),
        cpu=CpuUse(30, 50, 30, 40),
        valid=valid,
        invalid_because=() if valid else ("the generator fell behind",),
        rate_doubtful_because=(),
    )


def seconds(capacity: int) -> list[Second]:
    """Return a ramp against a capacity: what is above it is refused."""
    return [
        Second(second, offered, min(offered, capacity), max(offered - capacity, 0), 0, 0)
        for second, offered in enumerate(range(10, 200, 4))
    ]


def test_rates_stand_beside_the_articles_and_relative_to_the_first() -> None:
    rows = compare.compare([run("single", 50), run("2-active", 150), run("5-active", 200)]).rates
    assert [row.relative_to_first for row in rows] == [1, 3, 4]
    assert [row.article_rate_per_s for row in rows] == [5.2, 8.6, None]
    assert rows[1].article_relative_to_first == pytest.approx(8.6 / 5.2)
    assert [row.servers for row in rows] == [2, 2, 2]


def test_the_runs_of_a_topology_make_one_row() -> None:
    """Interleaved, as they are run; the loads are those of the run nearest to the median."""
    runs = [run("single", 50), run("2-active", 150), run("single", 60), run("2-active", 141)]
    runs += [run("single", 52), run("2-active", 900, valid=False)]
    rows = compare.compare(runs).rates
    assert [row.topology for row in rows] == ["single", "2-active"]
    assert [str(row.rates.median) for row in rows] == ["52.0", "145.5"]
    assert [(row.rates.n, row.rates.planned) for row in rows] == [(3, 3), (2, 3)]
    assert rows[1].relative_to_first == pytest.approx(145.5 / 52)


def test_a_bound_has_no_ratio() -> None:
    rows = compare.compare([run("single", None), run("2-active", 150)]).rates
    assert [str(rows[0].rates.median), rows[0].relative_to_first] == ["above 300.0", None]
    assert rows[1].relative_to_first is None


def test_load_per_server_leaves_out_what_is_no_server() -> None:
    (row,) = compare.compare([run("2-active", 150)]).loads
    assert row.servers == ("predictor-1", "predictor-2")
    assert compare.slashed(row.in_progress_requests) == "10/9"
    assert compare.slashed(row.taken_requests) == "400/390"
    assert compare.slashed(row.article_requests) == "10/10/9"


def test_a_topology_that_the_article_lacks_has_no_article_load() -> None:
    (row,) = compare.compare([run("single", 50)]).loads
    assert compare.slashed(row.article_requests) == "-"


@pytest.mark.parametrize("made", [run("single", 50), run("2-active", None, valid=False)])
def test_a_saved_summary_is_read_back_as_it_was(tmp_path: Path, made: Summary) -> None:
    save(tmp_path, made)
    assert load(tmp_path) == made


def test_the_chart_is_drawn_as_png_and_svg_and_the_same_each_time(tmp_path: Path) -> None:
    rows = compare.compare([run("single", 50), run("2-active", None, valid=False)]).rates
    curves = [seconds(50), seconds(500)]
    png, svg = plots.draw(rows, curves, tmp_path / "first")
    _, again = plots.draw(rows, curves, tmp_path / "second")
    assert png.read_bytes().startswith(b"\x89PNG")
    assert svg.read_text() == again.read_text()
    assert "(requests/s)" in svg.read_text() or "<svg" in svg.read_text()


def test_curves_average_seconds_of_about_the_same_rate() -> None:
    rows = [
        Second(0, 10, 10, 0, 0, 0),
        Second(1, 12, 8, 4, 0, 0),
        Second(2, 31, 20, 5, 5, 1),
    ]
    assert plots.binned(rows, 10) == [(11, 9, 2), (31, 20, 11)]
