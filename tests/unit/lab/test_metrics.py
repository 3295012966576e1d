"""Rows in, numbers out: each figure of a load test on records whose answer is known."""

import dataclasses
from pathlib import Path

import pytest

from lab.errors import RecordsError
from lab.facts import metrics, validity
from lab.facts.metrics import Lag, Records, Rows
from lab.facts.validity import Generator
from lab.load.cpu import NOT_SAMPLED, CpuUse, cpu_use
from lab.load.spec import LoadSpec, from_settings
from lab.records.folder import REQUESTS
from lab.records.requests import COLUMNS, Request, RequestReader, RequestWriter
from lab.settings import Settings

START_S = 1_700_000_000.0
LIMIT_MS = 1000.0


def request(
    due_s: float,
    latency_ms: float = 20,
    *,
    failure: str = "none",
    status: int = 200,
    server: str = "predictor-1",
    lag_ms: float = 0,
) -> Request:
    """Return a row; times are offsets from the start of the run."""
    name = f"request-{due_s:.3f}-{latency_ms:g}"
    due = START_S + due_s
    service_ms = latency_ms - lag_ms
    return Request(
        name, due, due + lag_ms / 1000, latency_ms, service_ms, status, server, "", 0, 0.5, True, failure
    )


USERS = from_settings(Settings(pattern="users", users=1, limit_ms=LIMIT_MS))
"""Closed users: the rate is counted."""
RAMP = from_settings(Settings(limit_ms=LIMIT_MS, rate=10, ramp_per_s=5, rate_max=60, duration_s=20))


def records(folder: Path, rows: list[Request], asked: LoadSpec = USERS) -> Records:
    """Save rows and open them."""
    writer = RequestWriter(folder / REQUESTS)
    for row in rows:
        writer.write(row)
    writer.close()
    return Records(folder, asked, started_s=START_S)


def steady(rate: int, since_s: int, until_s: int) -> list[Request]:
    """Return rows of a constant rate, each in the middle of its slot."""
    return [
        request(second + (number + 0.5) / rate)
        for second in range(since_s, until_s)
        for number in range(rate)
    ]


def test_failures_are_counted_by_kind(tmp_path: Path) -> None:
    rows = [request(0.1), request(0.2, 1500, failure="late"), request(0.3, failure="refused"), request(0.4)]
    assert records(tmp_path, rows).failures() == {"none": 2, "late": 1, "refused": 1}


def test_rate_at_the_first_failure_is_that_of_the_second_before_it(tmp_path: Path) -> None:
    """10/s for 3 s, then 40/s.

    Refused at 5.0 s: the second before it held 40 and the refused one.
    """
    rows = [*steady(10, 0, 3), *steady(40, 3, 8), request(4.99, 10, failure="refused", status=429)]
    first = records(tmp_path, rows).first_failure()
    assert first is not None
    assert first.failure == "refused"
    assert first.at_s == pytest.approx(5.0)
    assert first.rate_per_s == 41


def test_a_late_request_failed_when_the_limit_had_passed(tmp_path: Path) -> None:
    """It is the first failure although its reply came after the reply of a later refusal."""
    rows = [*steady(10, 0, 6), request(2.0, 4000, failure="late"), request(3.5, 10, failure="refused")]
    first = records(tmp_path, rows).first_failure()
    assert first is not None
    assert first.failure == "late"
    assert first.at_s == pytest.approx(3.0)


def test_load_that_ended_before_the_failure_showed_does_not_dilute_the_rate(tmp_path: Path) -> None:
    rows = [*steady(20, 0, 2), request(1.99, 3000, failure="late")]
    first = records(tmp_path, rows).first_failure()
    assert first is not None
    assert first.rate_per_s == 21


def test_a_failure_in_the_first_second_gives_the_rate_until_then(tmp_path: Path) -> None:
    rows = [*steady(20, 0, 1), request(0.5, 0, failure="refused")]
    first = records(tmp_path, rows).first_failure()
    assert first is not None
    assert first.rate_per_s == pytest.approx(11 / 0.5)


def test_without_a_failure_there_is_no_first_one(tmp_path: Path) -> None:
    assert records(tmp_path, steady(10, 0, 2)).first_failure() is None


def test_highest_rate_without_failure_is_that_of_the_best_clean_second(tmp_path: Path) -> None:
    rows = [
        *steady(10, 0, 1),
        *steady(30, 1, 2),
        *steady(50, 2, 3),
        request(2.5, failure="error"),
        *steady(40, 3, 4),
    ]
    assert metrics.rate_max_without_failure_per_s(records(tmp_path, rows).seconds()) == 40


def test_load_per_server_is_what_it_had_taken_and_what_was_in_progress(tmp_path: Path) -> None:
    rows = [
        request(0.1, 50, server="predictor-1"),
        request(0.9, 500, server="predictor-1"),  # in progress at 1.0
        request(0.95, 500, server="predictor-2"),  # in progress at 1.0
        request(0.99, 10, server="haproxy", failure="refused"),  # the first failure, at 1.0
        request(1.5, 10, server="predictor-2"),  # later
        request(1.6, 5000, server="", failure="error", status=0),
    ]
    found = records(tmp_path, rows)
    servers = {server.server: server for server in found.servers(found.first_failure())}
    assert servers["predictor-1"] == metrics.Server("predictor-1", 2, 2, 1)
    assert servers["predictor-2"] == metrics.Server("predictor-2", 2, 1, 1)
    assert servers["(no reply)"] == metrics.Server("(no reply)", 1, 0, 0)


def test_a_percentile_of_the_latency_counts_a_failure_as_slower_than_any_reply(tmp_path: Path) -> None:
    """1 to 97 ms, one of 2 s, and two fast refusals that must not flatter."""
    rows = [request(index / 100, index) for index in range(1, 98)]
    rows += [request(2, 2000, failure="late")]
    rows += [request(3 + index / 100, 1, failure="refused", status=429) for index in range(2)]
    latency = records(tmp_path, rows).latency()
    assert dataclasses.astuple(latency) == (50, 95, None, 2000)


def test_latency_of_no_prediction_is_unknown(tmp_path: Path) -> None:
    rows = [request(0.1, 1, failure="refused", status=429)]
    assert records(tmp_path, rows).latency() == metrics.Latency(None, None, None, None)


def test_lag_is_the_share_of_requests_sent_too_late(tmp_path: Path) -> None:
    rows = [*steady(96, 0, 1), *(request(0.5, 300, lag_ms=51 + index) for index in range(4))]
    lag = records(tmp_path, rows).lag(None)
    assert lag.late_percent == pytest.approx(4)
    assert lag.max_ms == pytest.approx(54, abs=0.01)


def test_goodput_is_the_best_second_of_replies_in_time(tmp_path: Path) -> None:
    rows = [*steady(10, 0, 1), *steady(24, 1, 2), request(1.5, 10, failure="refused"), *steady(20, 2, 3)]
    assert records(tmp_path, rows).served_max_per_s() == 24


def test_a_row_that_was_cut_off_is_left_out(tmp_path: Path) -> None:
    """The generator may be killed in the middle of a write."""
    records(tmp_path, steady(10, 0, 1))
    path = tmp_path / REQUESTS
    whole = path.read_text()
    for length in range(1, 40):
        path.write_text(whole[:-length])
        found = Records(tmp_path, USERS, started_s=START_S)
        assert sum(found.failures().values()) in {9, 10}
        assert found.latency().max_ms == pytest.approx(20)


def test_a_folder_without_rows_is_named(tmp_path: Path) -> None:
    with pytest.raises(RecordsError, match=r"requests\.csv is missing"):
        Records(tmp_path, USERS, started_s=START_S)


def test_rows_can_be_read_while_they_are_written(tmp_path: Path) -> None:
    """Each call gives the complete rows since the last; a part of a row waits for its rest."""
    path = tmp_path / REQUESTS
    reader = RequestReader(path)
    assert list(reader.new()) == []
    rows = steady(5, 0, 1)
    writer = RequestWriter(path)
    writer.write(rows[0])
    writer.flush()
    assert [row.request_id for row in reader.new()] == [rows[0].request_id]
    writer.write(rows[1])
    writer.close()
    text = path.read_text()
    path.write_text(text[:-5])
    assert list(reader.new()) == []
    path.write_text(text)
    assert [row.request_id for row in reader.new()] == [rows[1].request_id]
    assert text.startswith(",".join(COLUMNS))


GOOD_ROWS, GOOD_LAG, GOOD_CPU = Rows(1000, 1000, 30), Lag(0.5, 80, None, 0), CpuUse(30, 60, 20, 50)
GOOD_GENERATOR = Generator(True, 1000, 0, 40, 0, "requests failed")


@pytest.mark.parametrize(
    ("rows", "lag", "generator", "cpu", "reason"),
    [
        (GOOD_ROWS, GOOD_LAG, GOOD_GENERATOR, GOOD_CPU, ""),
        (GOOD_ROWS, Lag(1.1, 80, None, 0), GOOD_GENERATOR, GOOD_CPU, "1.1 % of the requests were sent more"),
        (GOOD_ROWS, GOOD_LAG, Generator(True, 1000, 0, 40, 3, ""), GOOD_CPU, "3 requests had to wait"),
        (GOOD_ROWS, GOOD_LAG, Generator(False, 0, 0, 0, 0, ""), GOOD_CPU, "ended before its run was over"),
        (GOOD_ROWS, GOOD_LAG, Generator(True, 1400, 400, 0, 0, ""), GOOD_CPU, "400 requests had no end"),
        (
            Rows(500, 500, 30),
            GOOD_LAG,
            GOOD_GENERATOR,
            GOOD_CPU,
            "ended 1000; 500 have a row",
        ),
        (Rows(1003, 1000, 30), GOOD_LAG, GOOD_GENERATOR, GOOD_CPU, "3 rows of requests.csv have the id of"),
        (GOOD_ROWS, GOOD_LAG, GOOD_GENERATOR, CpuUse(30, 60, 2.9, 50), "no CPU left: 2.9 % idle"),
        (GOOD_ROWS, GOOD_LAG, GOOD_GENERATOR, CpuUse(30, 60, 20, 89.9), ""),
        (GOOD_ROWS, GOOD_LAG, GOOD_GENERATOR, CpuUse(30, 93, 90, 100), "used 100 % of its core"),
        (GOOD_ROWS, GOOD_LAG, GOOD_GENERATOR, NOT_SAMPLED, "cpu.csv has 0 samples of a load of 30 s"),
        (GOOD_ROWS, GOOD_LAG, GOOD_GENERATOR, CpuUse(14, 60, 20, 50), "14 samples of a load of 30 s"),
        (Rows(1000, 1000, 0.5), GOOD_LAG, GOOD_GENERATOR, NOT_SAMPLED, "is not known"),
    ],
)
def test_a_run_is_valid_or_says_why_not(
    rows: Rows, lag: Lag, generator: Generator, cpu: CpuUse, reason: str
) -> None:
    reasons = validity.invalid_because(rows, lag, generator, cpu, idle_min_percent=3)
    assert bool(reasons) == bool(reason)
    assert reason in "".join(reasons)


def test_the_rate_at_the_first_failure_is_that_of_the_schedule(tmp_path: Path) -> None:
    """The ramp asked for 10 + 5 x 4 = 30/s at 4 s; the arrivals of that second were only 20."""
    rows = [*steady(20, 0, 6), request(4.0, 10, failure="refused", status=429)]
    found = records(tmp_path, rows, RAMP)
    first = found.first_failure()
    assert first is not None
    assert first.rate_per_s == pytest.approx(30)
    assert first.counted_per_s == 21
    assert found.rate_reached_per_s() == pytest.approx(10 + 5 * 5.975)


def test_a_rate_is_reached_and_not_left_again(tmp_path: Path) -> None:
    """A spike is over when the last request is due; the ramp's top is held."""
    spike = from_settings(Settings(pattern="spike", rate=10, rate_max=80, spike_s=2, duration_s=10))
    assert records(tmp_path, steady(10, 0, 9), spike).rate_reached_per_s() == 80
    (tmp_path / "ramp").mkdir()
    assert records(tmp_path / "ramp", steady(10, 0, 15), RAMP).rate_reached_per_s() == 60


@pytest.mark.parametrize(
    ("stalled", "generators", "first_s"),
    [
        (request(2.0, 1030, failure="late", lag_ms=900), 1, 6.0),  # served in 130 ms, once it was sent
        (request(2.0, 1010, failure="late", lag_ms=15), 1, 6.0),  # 995 ms of service: in time
        (request(2.0, 40, failure="refused", status=429, lag_ms=25), 1, 6.0),  # part of a burst that it made
        (request(2.0, 1030, failure="late", lag_ms=5), 0, 3.0),
        (request(2.0, 40, failure="refused", status=429, lag_ms=5), 0, 2.04),
    ],
)
def test_what_the_generator_sent_late_is_not_billed_to_the_system(
    tmp_path: Path, stalled: Request, generators: int, first_s: float
) -> None:
    rows = [*steady(20, 0, 8), stalled, request(5.99, 10, failure="refused", status=429)]
    found = records(tmp_path, rows, RAMP)
    first = found.first_failure()
    assert first is not None
    assert first.at_s == pytest.approx(first_s)
    assert found.failures().get("generator", 0) == generators
    doubts = validity.rate_doubtful_because(found.lag(first))
    assert bool(doubts) == bool(generators)
    assert not doubts or "failed before any other" in doubts[0]


@pytest.mark.parametrize(
    ("due_s", "lag_ms", "doubtful"), [(4.5, 21, True), (4.5, 19, False), (3.9, 40, False), (5.1, 40, False)]
)
def test_close_to_the_first_failure_no_stall_is_tolerated(
    tmp_path: Path, due_s: float, lag_ms: float, *, doubtful: bool
) -> None:
    """Requests that were sent late and served; refused is one that was due at 4.99 s."""
    rows = [*steady(20, 0, 8), request(due_s, 60, lag_ms=lag_ms), request(4.99, 10, failure="refused")]
    found = records(tmp_path, rows, RAMP)
    doubts = validity.rate_doubtful_because(found.lag(found.first_failure()))
    assert bool(doubts) == doubtful
    assert not doubts or f"sent {lag_ms:g} ms late" in doubts[0]


def test_a_stall_before_a_late_request_counts_though_it_failed_much_later(tmp_path: Path) -> None:
    rows = [*steady(20, 0, 8), request(3.5, 60, lag_ms=30), request(4.0, 1500, failure="late")]
    found = records(tmp_path, rows, RAMP)
    assert validity.rate_doubtful_because(found.lag(found.first_failure()))


def test_failures_that_are_all_the_generators_are_no_good_news(tmp_path: Path) -> None:
    rows = [*steady(20, 0, 8), request(7.5, 40, failure="refused", status=429, lag_ms=25)]
    found = records(tmp_path, rows, RAMP)
    assert found.first_failure() is None
    (reason,) = validity.rate_doubtful_because(found.lag(None))
    assert "1 requests that the generator sent more than 20 ms late" in reason


def test_the_cpu_is_judged_by_the_means_of_five_samples(tmp_path: Path) -> None:
    idle = [90, 0, 50, 10, 10, 10, 20, 90]
    lines = ["time_s,idle_percent,generator_percent"]
    lines += [f"{index},{value},{30 + index}" for index, value in enumerate(idle)]
    path = tmp_path / "cpu.csv"
    path.write_text("\n".join(lines) + "\n")
    assert cpu_use(path) == CpuUse(8, 35, 16, 35)


@pytest.mark.parametrize("text", ["", "time_s,idle_percent,generator_percent\n", None])
def test_a_file_without_samples_says_nothing_of_the_cpu(tmp_path: Path, text: str | None) -> None:
    path = tmp_path / "cpu.csv"
    if text is not None:
        path.write_text(text)
    assert cpu_use(path) == NOT_SAMPLED
