"""What becomes of a request, read from HAProxy's log."""

import pytest

from lab.facts.haproxy_log import GONE, LOST, NO_SERVER, REFUSED, REJECTED, SERVED, parse, split, traffic
from unit.lab.journal_entries import T0, log, log_line

OUTCOMES = [
    ("a prediction", 200, "predictor-1", "--", SERVED),
    ("a reply by HAProxy itself", 200, NO_SERVER, "LR", SERVED),
    ("invalid input, said by the predictor", 422, "predictor-1", "--", REJECTED),
    ("shed by the predictor", 429, "predictor-1", "--", REFUSED),
    ("queue full", 429, NO_SERVER, "LR", REFUSED),
    ("queue time-out", 503, NO_SERVER, "sQ", REFUSED),
    ("no server left", 503, NO_SERVER, "SC", LOST),
    ("a 503 of the predictor's", 503, "predictor-1", "--", LOST),
    ("too large", 413, NO_SERVER, "LR", REJECTED),
    ("not HTTP", 400, NO_SERVER, "PR", REJECTED),
    ("all retries failed to connect", 503, "predictor-1", "SC", LOST),
    ("the server's own error", 500, "predictor-1", "--", LOST),
    ("no valid answer", 502, "predictor-1", "SH", LOST),
    ("no answer in time", 504, "predictor-1", "sH", LOST),
    ("cut while it was sent", 200, "predictor-1", "SD", LOST),
    ("the client left", -1, "predictor-1", "CH", GONE),
]


@pytest.mark.parametrize(
    ("status", "server", "state", "outcome"), [row[1:] for row in OUTCOMES], ids=[row[0] for row in OUTCOMES]
)
def test_each_end_of_a_request_has_its_kind(status: int, server: str, state: str, outcome: str) -> None:
    """Refusals are counted apart from losses."""
    assert log(log_line(0, 10, server, status=status, state=state))[0].outcome == outcome


def test_a_closed_connection_instead_of_a_refusal_is_a_loss() -> None:
    """HAProxy logs 503 for it, but sent nothing."""
    line = log(log_line(0, 35, NO_SERVER, status=503, retries="3", state="SC", sent=0))[0]
    assert line.outcome == LOST


def test_the_idle_time_of_a_kept_connection_is_not_the_requests() -> None:
    """HAProxy's total time starts with the end of the request before; ours when this one arrived."""
    line = log(log_line(100, 20))[0]
    assert line.start == pytest.approx(T0 + 0.100, abs=1e-5)
    assert line.end == pytest.approx(T0 + 0.120, abs=1e-5)
    assert line.latency_ms == pytest.approx(20, abs=0.01)


@pytest.mark.parametrize(
    ("retries", "count", "redispatched"), [("0", 0, False), ("1", 1, False), ("+2", 2, True)]
)
def test_a_plus_before_the_retries_means_another_server(retries: str, count: int, redispatched: bool) -> None:
    """HAProxy's own notation is read."""
    line = log(log_line(0, 1, retries=retries))[0]
    assert (line.retries, line.redispatched, line.retried) == (count, redispatched, count > 0)


def test_a_request_too_broken_to_have_a_time_has_its_connections() -> None:
    """What HAProxy could not read as a request is counted all the same."""
    sent = '"status": 400, "termination_state": "PR", "bytes_sent": 90'
    line = parse(['{"time_us": null, "accepted_us": 1763762400250000, ' + sent + "}"])[0]
    assert (line.start, line.end, line.outcome) == (1763762400.25, 1763762400.25, REJECTED)


def test_what_is_no_request_is_left_out() -> None:
    """HAProxy's notices and cut lines are no requests."""
    assert parse(["[NOTICE] starting", '{"level": "info"}', "", '{"time_us": 1, "sta', "[1]"]) == []


def test_a_log_is_parted_into_json_lines_and_plain_messages() -> None:
    """A line is JSON if it holds a whole object; the order stays."""
    request = log_line(0, 10)
    lines = [request, "[NOTICE] predictor-1 is DOWN", '{"level": "info"}', '{"time_us": 1, "sta', "7", ""]
    assert split(lines) == ([request, lines[2]], [lines[1], *lines[3:]])


def test_traffic_counts_what_was_in_progress_in_the_span() -> None:
    """A request that came before the fault and ended after it counts; one that ended before does not."""
    lines = log(
        log_line(-100, 50),
        log_line(-5, 60, "predictor-3", retries="+1"),
        log_line(500, 10),
        log_line(600, 0, NO_SERVER, status=429, state="LR"),
        log_line(700, 900, "predictor-1", status=504, state="sH"),
        log_line(5000, 10),
    )
    seen = traffic(lines, T0, T0 + 2)
    assert (seen.seen, seen.served, seen.refused, seen.rejected, seen.lost, seen.retried) == (
        4,
        2,
        1,
        0,
        1,
        1,
    )
    assert seen.slowest_ms == pytest.approx(900, abs=0.01)
    assert seen.slowest_id == "request-700"
    assert seen.per_server == {"predictor-2": 1, "predictor-3": 1}


def test_traffic_of_an_empty_span_has_no_slowest() -> None:
    """No load is no error."""
    assert traffic([], T0, T0 + 1).slowest_ms is None
