"""The load test: real Locust against a loopback server that misbehaves by its script."""

import argparse
import csv
import dataclasses
import gzip
import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from lab.commands import loadtest as command
from lab.errors import NotSteadyError, UnreachableError
from lab.experiment import loadtest
from lab.facts import summary
from lab.load import spec
from lab.parts import docker as engine
from lab.records.folder import REQUESTS, SETTINGS_FILE, new_folder, read_json
from lab.settings import Settings
from unit.lab import journal_entries
from unit.lab.loopback_docker import docker
from unit.lab.scripted_server import (
    CAPACITY_PER_S,
    PREDICTION,
    Reply,
    Script,
    ScriptedServer,
    info,
    oracle,
    serving,
)
from unit.paths import PYTHONPATH
from unit.trained import model_file


def state(*, steady: bool = True) -> Reply:
    """Return the controller's /state."""
    servers = [journal_entries.server(name) for name in ("predictor-1", "predictor-2")]
    reason = "" if steady else "predictor-2 is down"
    whole = journal_entries.state(*servers, steady=steady, reason=reason)
    return Reply(body=json.dumps(dataclasses.asdict(whole)).encode())


def predictions(script: Script, *, steady: bool = True) -> Script:
    """Answer /state; number the predictions from 0, leaving out the one before the load."""
    seen = iter(range(-1, 1_000_000))

    def answer(_: int, path: str) -> Reply:
        if path == "/state":
            return state(steady=steady)
        if path.startswith("/metrics"):
            return Reply(body=b'haproxy_process_build_info{version="3.0.11-1"} 1\n')
        if path.endswith("/info"):
            return info()
        number = next(seen)
        return Reply() if number < 0 else script(number, path)

    return answer


def environment(server: ScriptedServer, results: Path, **variables: str) -> dict[str, str]:
    """Return the variables of a short run.

    Whether this machine is busy is no matter of these tests.
    """
    return {
        "LAB_TARGET": server.url,
        "LAB_CONTROLLER": server.url,
        "LAB_STATS": server.url,
        "LAB_PREDICTOR_URL": server.url + "/{server}",
        "LAB_MODEL": str(model_file()),
        "LAB_PROJECT": "lab",
        "LAB_RESULTS": str(results),
        "PATTERN": "constant",
        "ARRIVALS": "even",
        "IDLE_MIN": "0",
        **variables,
    }


def load(server: ScriptedServer, results: Path, **variables: str) -> loadtest.Outcome:
    """Run a load test, with a Docker to ask."""
    with docker() as peer:
        given = {"LAB_DOCKER_URL": peer.url, **variables}
        settings = Settings.from_environment(environment(server, results, **given))
        return loadtest.run(settings, lambda _: None)


def rows(folder: Path) -> list[dict[str, str]]:
    """Return the rows of requests.csv."""
    with (folder / REQUESTS).open(newline="") as file:
        return list(csv.DictReader(file))


# 37 failures: 15 refused, 16 errors (2 of them found no server left), 6 late.
PLANTED = {
    **dict.fromkeys(range(20, 32), Reply(status=429, body=b"{}", server="haproxy")),
    **dict.fromkeys(range(40, 43), Reply(status=503, body=b"{}", server="haproxy", refused_by="haproxy")),
    **dict.fromkeys(range(43, 45), Reply(status=503, body=b"{}", server="haproxy")),
    **dict.fromkeys(range(60, 64), Reply(status=500, body=b"{}", server="predictor-2")),
    **dict.fromkeys(range(70, 73), Reply(close=True)),
    **dict.fromkeys(range(80, 82), Reply(delay_s=5)),
    **dict.fromkeys(range(90, 92), Reply(body=b'{"Placement": "yes"}')),
    **dict.fromkeys(range(100, 102), Reply(body=b"not JSON")),
    102: Reply(body=b'{"Placement_Probability": NaN, "Placement": true}'),
    **dict.fromkeys(range(110, 116), Reply(delay_s=0.8)),
}


@pytest.mark.usefixtures("a_stall_is_no_matter")
def test_planted_failures_are_each_counted_once_and_as_their_kind(tmp_path: Path) -> None:
    """Of 200 requests 37 fail; rows, summary, Locust's own CSV and the server's count agree."""
    with serving(predictions(lambda number, _: PLANTED.get(number, Reply()))) as server:
        variables = {"RATE": "50", "DURATION": "4", "LIMIT_MS": "500", "TIMEOUT_S": "1.5", "BEYOND_S": "-1"}
        outcome = load(server, tmp_path, **variables)
        sent = [request for request in server.requests if request[0] == "/predict"][1:]
    made, saved = outcome.summary, rows(outcome.folder)
    assert len(saved) == len(sent) == 200
    assert (made.refused_requests, made.error_requests, made.late_requests) == (15, 16, 6)
    assert made.failed_requests == len(PLANTED) == 37
    assert made.first_failure is not None
    assert made.first_failure.failure == "refused"
    assert made.first_failure.at_s == pytest.approx(21 / 50, abs=0.2)
    assert Counter(row["status"] for row in saved) == {"200": 174, "429": 12, "503": 5, "500": 4, "0": 5}
    assert made.valid, made.invalid_because
    assert {row["request_id"] for row in saved} == {headers["x-request-id"] for _, headers, _ in sent}
    assert len({body for _, _, body in sent}) == 200
    with (outcome.folder / "locust_stats.csv").open(newline="") as file:
        (locust,) = (row for row in csv.DictReader(file) if row["Name"] == "/predict")
    assert (locust["Request Count"], locust["Failure Count"]) == ("200", "37")
    assert (outcome.folder / "locust.html").stat().st_size > 10_000


@pytest.mark.usefixtures("a_stall_is_no_matter")
def test_a_slow_system_does_not_slow_the_generator_down(tmp_path: Path) -> None:
    """Each reply takes 1 s; a client that waits for it would send 3 requests in 3 s, not 300."""
    with serving(predictions(lambda *_: Reply(delay_s=1))) as server:
        outcome = load(server, tmp_path, RATE="100", DURATION="3", LIMIT_MS="3000")
    made = outcome.summary
    assert (made.sent_requests, made.served_requests) == (300, 300)
    assert made.generator.in_flight_peak_requests >= 90
    assert made.valid, made.invalid_because
    scheduled = sorted(float(row["scheduled_s"]) for row in rows(outcome.folder))
    assert scheduled[-1] - scheduled[0] == pytest.approx(2.99, abs=0.01)


def test_the_load_ends_a_little_beyond_the_first_failure(tmp_path: Path) -> None:
    with serving(predictions(lambda number, _: Reply(status=429 if number >= 50 else 200))) as server:
        outcome = load(server, tmp_path, RATE="50", DURATION="30", BEYOND_S="1")
    first = outcome.summary.first_failure
    assert first is not None
    assert first.at_s == pytest.approx(1.02, abs=0.2)
    assert first.rate_per_s == pytest.approx(50, abs=2)
    assert outcome.summary.generator.stopped_because == "requests failed"
    assert outcome.summary.sent_requests == pytest.approx(100, abs=10)


@pytest.mark.usefixtures("a_stall_is_no_matter")
def test_the_time_limit_is_for_the_whole_reply(tmp_path: Path) -> None:
    """A body that comes byte by byte is given up at TIMEOUT_S, though each byte comes in time."""
    trickled = Reply(trickle_s=0.1)  # 51 bytes: more than 5 s
    variables = {"RATE": "10", "DURATION": "1", "TIMEOUT_S": "1", "LIMIT_MS": "500", "BEYOND_S": "-1"}
    with serving(predictions(lambda number, _: trickled if number == 3 else Reply())) as server:
        outcome = load(server, tmp_path, **variables)
    slow = next(row for row in rows(outcome.folder) if row["failure"] != "none")
    assert outcome.summary.sent_requests == 10
    assert outcome.summary.failed_requests == 1
    assert slow["error"] == "DeadlineError: no complete reply within 1 s (TIMEOUT_S)"
    assert slow["failure"] == "error"
    assert 1000 <= float(slow["service_ms"]) < 5000
    assert outcome.summary.generator.unfinished_requests == 0


NO_PREDICTIONS = {
    "not gzip": Reply(headers="Content-Encoding: gzip\r\n"),
    "gzip that was not asked for": Reply(
        body=gzip.compress(PREDICTION), headers="Content-Encoding: gzip\r\n"
    ),
    "an unknown coding": Reply(headers="Content-Encoding: zstd\r\n", body=b"\x28\xb5\x2f\xfd"),
    "an unknown charset": Reply(body=b"\xff\xfe\xfa", headers="Content-Type: text/x; charset=no\r\n"),
    "an error that is not UTF-8": Reply(status=500, body=b"\xff\xfe"),
    "an error that is not gzip": Reply(status=502, headers="Content-Encoding: gzip\r\n"),
    "a body that is too short": Reply(cut_bytes=10),
    "a head that is cut": Reply(cut_bytes=len(PREDICTION) + 9),
    "a length that is none": Reply(headers="Content-Length: many\r\n"),
    "two lengths": Reply(headers="Content-Length: 5\r\nContent-Length: 51\r\n"),
    "no HTTP": Reply(raw=b"SSH-2.0-OpenSSH_9.2\r\n"),
    "garbage": Reply(raw=bytes(range(256))),
    "a deep nest": Reply(body=b"[" * 100_000),
    "a long number": Reply(body=b"9" * 5_000),
    "a redirect": Reply(status=307, headers="Location: /predict\r\n"),
    "nothing": Reply(body=b""),
    "true for a probability": Reply(body=b'{"Placement_Probability": true, "Placement": true}'),
}


@pytest.mark.usefixtures("a_stall_is_no_matter")
def test_each_reply_that_cannot_be_read_has_a_row(tmp_path: Path) -> None:
    """Bodies that cannot be decoded, connections that end in the middle, no HTTP at all."""
    replies = dict(enumerate(NO_PREDICTIONS.values()))
    with serving(predictions(lambda number, _: replies.get(number, Reply()))) as server:
        outcome = load(server, tmp_path, RATE="20", DURATION="2", TIMEOUT_S="2", BEYOND_S="-1")
        sent = [request for request in server.requests if request[0] == "/predict"][1:]
    saved = rows(outcome.folder)
    kept = {(row["failure"], bool(row["error"])) for row in saved if row["error"] or row["failure"] != "none"}
    assert len(saved) == len(sent) == 40
    assert kept == {("error", True)}
    assert outcome.summary.error_requests == len(replies)
    assert outcome.summary.generator.unfinished_requests == 0
    said = {row["error"].split(":")[0] for row in saved if row["error"]}
    assert {"HTTPParseError", "EncodedError", "body is not JSON", "status 500", "status 307"} <= said


def capacity(per_server: int) -> Script:
    """Refuse what comes after so many requests, counted anew after each pause of half a second."""
    taken: list[float] = []

    def answer(_: int, __: str) -> Reply:
        now_s = time.monotonic()
        if taken and now_s - taken[-1] > 0.5:
            taken.clear()
        taken.append(now_s)
        return Reply(status=429) if len(taken) > per_server else Reply()

    return answer


@pytest.mark.usefixtures("a_stall_is_no_matter")
def test_trials_have_seeds_of_their_own_and_say_together_what_they_found(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Two ramps against a server that takes 30 requests.

    The 31st is due at another time in each.
    """
    with serving(predictions(capacity(30))) as server, docker() as peer:
        variables = {"PATTERN": "ramp", "ARRIVALS": "poisson", "RATE": "20", "RAMP": "20", "BEYOND_S": "1"}
        given = environment(server, tmp_path, LAB_DOCKER_URL=peer.url, TRIALS="2", SEED="5", **variables)
        status = command.run(
            argparse.Namespace(help_variables=False, name_file=None), Settings.from_environment(given)
        )
    (folder,) = tmp_path.glob("*-loadtests")
    together = read_json(folder / command.TOGETHER)
    runs = [tmp_path / name for name in together["folders"]]
    assert [spec.read(run).seed for run in runs] == [5, 6]
    rates = [summary.load(run).first_failure for run in runs]
    assert [value["per_s"] for value in together["rates"]["values"]] == [
        first.rate_per_s for first in rates if first is not None
    ]
    assert len({value["per_s"] for value in together["rates"]["values"]}) == 2
    assert (together["rates"]["n"], together["rates"]["ended_by"]) == (2, {"refused": 2})
    assert status == 0
    output = capsys.readouterr().out
    assert "run 2 of 2, SEED=6" in output
    assert "n = 2 of 2" in output
    assert "it moves with RAMP" in output


def test_more_requests_in_progress_than_allowed_make_the_run_invalid(tmp_path: Path) -> None:
    with serving(predictions(lambda *_: Reply(delay_s=0.5))) as server:
        outcome = load(server, tmp_path, RATE="50", DURATION="2", IN_FLIGHT_MAX="5")
    assert not outcome.summary.valid
    assert "IN_FLIGHT_MAX" in "".join(outcome.summary.invalid_because)
    assert outcome.summary.generator.in_flight_peak_requests == 5


def test_closed_users_wait_for_their_replies(tmp_path: Path) -> None:
    """4 users, replies after 0.2 s, pauses of 0.2 s: 10 requests/s, whatever RATE says."""
    with serving(predictions(lambda *_: Reply(delay_s=0.2))) as server:
        variables = {"PATTERN": "", "USERS": "4", "RAMP": "100", "THINK_S": "0.2", "DURATION": "3"}
        outcome = load(server, tmp_path, **variables)
    assert outcome.summary.pattern == "users"
    assert outcome.summary.sent_requests == pytest.approx(30, abs=8)
    assert outcome.summary.failed_requests == 0
    assert outcome.summary.generator.unfinished_requests == 0


def test_the_summary_can_be_made_again_from_the_saved_records(tmp_path: Path) -> None:
    with serving(predictions(lambda number, _: Reply(status=429 if number % 10 == 9 else 200))) as server:
        outcome = load(server, tmp_path, RATE="40", DURATION="2", ARRIVALS="poisson", BEYOND_S="-1")
    assert summary.summarise(outcome.folder) == outcome.summary == summary.load(outcome.folder)
    settings: dict[str, Any] = read_json(outcome.folder / SETTINGS_FILE)
    assert settings["topology"] == "2-active"
    assert settings["service"]["predictor-2"]["capacity_per_s"] == CAPACITY_PER_S
    assert settings["service_end"] == settings["service"]
    assert spec.read(outcome.folder).rate_per_s == settings["settings"]["rate"] == 40
    assert set(settings["versions"]) == {"lab", "python", "locust", "duckdb", "docker", "haproxy", "model"}
    assert (
        settings["versions"] | {"docker": "28.1", "haproxy": "3.0.11-1", "model": oracle().version}
        == (settings["versions"])
    )
    assert set(settings["containers"]) == {"haproxy", "controller", "predictor-1", "predictor-2"}
    assert settings["containers"]["haproxy"]["cpu_quota_us"] == 3_000
    assert settings["state_start"]["steady"] is settings["state_end"]["steady"] is True


def test_a_docker_that_cannot_be_asked_does_not_fail_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Why it could not be asked is recorded in its place."""
    monkeypatch.setattr(engine, "START_S", 0.0)
    with serving(predictions(lambda *_: Reply())) as server:
        outcome = load(server, tmp_path, DURATION="1", LAB_DOCKER_URL="http://127.0.0.1:9")
    settings = read_json(outcome.folder / SETTINGS_FILE)
    assert "Docker at http://127.0.0.1:9" in settings["containers"]
    assert settings["versions"]["docker"] == settings["containers"]
    assert settings["versions"]["haproxy"] == "3.0.11-1"


def test_an_interrupted_run_keeps_what_was_recorded(tmp_path: Path) -> None:
    """Ctrl-C: the rows, Locust's files and a summary are there; the exit status tells of it."""
    with serving(predictions(lambda *_: Reply())) as server, docker() as peer:
        variables = environment(server, tmp_path, RATE="50", DURATION="60", LAB_DOCKER_URL=peer.url)
        with subprocess.Popen(
            [sys.executable, "-m", "lab", "loadtest"],
            env=os.environ | variables | {"PYTHONPATH": PYTHONPATH},
            stdout=subprocess.PIPE,
            text=True,
        ) as process:
            until = time.monotonic() + 30
            while len(server.requests) < 150 and time.monotonic() < until:
                time.sleep(0.05)
            process.send_signal(signal.SIGINT)
            output, _ = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "valid: the generator kept its schedule" in output or "INVALID" in output
    (folder,) = tmp_path.iterdir()
    made = summary.load(folder)
    assert made.generator.stopped_because == "it was interrupted"
    assert made.generator.unfinished_requests == 0
    assert made.sent_requests == len(rows(folder)) >= 130
    assert (folder / "locust.html").is_file()


def test_an_unsteady_system_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    unsteady = predictions(lambda *_: Reply(), steady=False)
    with serving(unsteady) as server, pytest.raises(NotSteadyError, match="predictor-2 is down"):
        load(server, tmp_path, LAB_STEADY_WAIT_S="0")
    assert list(tmp_path.iterdir()) == []


def test_a_system_that_does_not_predict_is_refused(tmp_path: Path) -> None:
    def refuses(_: int, path: str) -> Reply:
        return Reply(status=503) if path == "/predict" else answers(0, path)

    answers = predictions(lambda *_: Reply())
    with serving(refuses) as server, pytest.raises(UnreachableError, match="status 503"):
        load(server, tmp_path)
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(UnreachableError, match="does not answer"):
        load(server, tmp_path)


def test_a_result_folder_is_never_used_twice(tmp_path: Path) -> None:
    now = datetime(2026, 11, 21, 12, 0, 0, tzinfo=UTC)
    names = [new_folder(tmp_path, "single", now).name for _ in range(3)]
    assert names == ["20261121T120000Z-single", "20261121T120000Z-single-2", "20261121T120000Z-single-3"]
