"""The commands of the README on a real topology, as a user types them."""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from driver import (
    PORT,
    PUBLIC,
    ROOT,
    SAMPLE,
    STATS,
    TIME_SCALE,
    container,
    docker,
    environment,
    eventually,
    inside,
    kill,
    make,
    run,
    state,
    wait_until_steady,
)
from runs import BUSY, alone

pytestmark = [pytest.mark.e2e, pytest.mark.parametrize("up", ["2-active"], indirect=True)]
RESULTS = ROOT / "results"


def records(printed: str) -> Path:
    """The result folder that a command named at its end."""
    found = re.findall(r"results/(\S+?)/?$", printed, flags=re.MULTILINE)
    assert found, printed
    return RESULTS / str(found[-1])


@pytest.fixture
def topology_file() -> Iterator[Path]:
    """A topology of the user's own, gone again after the test."""
    path = ROOT / "compose" / "topologies" / "own-test.yaml"
    path.unlink(missing_ok=True)
    yield path
    path.unlink(missing_ok=True)


def test_the_articles_two_requests_are_answered(up: str) -> None:
    """Its Locust file sends GET /predict, its predict test posts a list of one, both to 0.0.0.0."""
    address = f"http://0.0.0.0:{PORT}/predict"
    for reply in (httpx.get(address), httpx.post(address, json=[SAMPLE])):
        assert reply.status_code == 200
        body = reply.json()
        assert set(body) == {"Placement_Probability", "Placement"}
        assert body["Placement"] is (body["Placement_Probability"] > 0.5)


def test_the_documentation_of_the_interface_is_there(up: str) -> None:
    assert httpx.get(f"{PUBLIC}/docs").status_code == 200
    assert "/predict" in httpx.get(f"{PUBLIC}/openapi.json").json()["paths"]


def test_make_up_again_changes_nothing_and_prints_what_is_needed(up: str) -> None:
    before = docker("ps", "-q", "--filter", f"name={container('predictor')[:-1]}")
    printed = make("up", TOPOLOGY=up).stdout
    assert docker("ps", "-q", "--filter", f"name={container('predictor')[:-1]}") == before
    for needed in (
        f"http://127.0.0.1:{PORT}/predict",
        "predictor-3",
        "standby",
        "make loadtest",
        "make chaos",
    ):
        assert needed in printed


def test_make_stats_shows_the_table_and_the_address(up: str) -> None:
    printed = make("stats").stdout
    assert STATS in printed
    assert re.search(r"predictor-3 +standby +region-2 +up +no +0 ", printed), printed


def test_make_watch_is_readable_when_piped_and_ends_with_its_reader(up: str) -> None:
    command = ("bash", "-c", "make --no-print-directory watch | head -n 3")
    with subprocess.Popen(
        command, cwd=ROOT, env=environment(), stdout=subprocess.PIPE, text=True
    ) as watching:
        # A reader that has left is noticed at the next line: so there have to be some.
        for _ in range(2):
            kill("predictor-1")
            eventually(lambda: not state()["steady"], what="the kill is seen")
            wait_until_steady()
        printed, _ = watching.communicate(timeout=30 * TIME_SCALE)
    assert len(printed.splitlines()) == 3, printed
    eventually(
        lambda: docker("ps", "-q", "--filter", f"name={container('lab')[:-2]}") == "",
        what="no lab container goes on without its reader",
    )


def test_make_chaos_with_load_tells_the_story_and_loses_nothing(up: str) -> None:
    with alone():
        printed = make("chaos", LOAD="1", given=BUSY).stdout
    for step in (
        "kill",
        "first sign",
        "decided",
        "first served",
        "started again",
        "healthy again",
        "demoted",
    ):
        assert step in printed, printed
    folder = records(printed)
    assert json.loads((folder / "verdict.json").read_text())["measures"]["lost"] == 0
    # Where the generator stood still it sent at once all that was due, and was refused some of it.
    assert re.search(r"0 of \d+ failed|Not valid as a measurement: the generator fell behind", printed), (
        printed
    )
    assert {"story.json", "scenario.yaml", "journal.jsonl", "haproxy.jsonl", "requests.csv"} <= {
        p.name for p in folder.iterdir()
    }
    owner = int(os.environ.get("SUDO_UID", os.getuid()))
    assert {path.stat().st_uid for path in folder.iterdir()} == {owner}


@pytest.mark.parametrize(
    ("variables", "words"),
    [
        ({"TARGET": "predictor-9"}, "predictor-1, predictor-2, predictor-3"),
        ({"COUNT": "3"}, "COUNT=3"),
        ({"ROLE": "spare"}, "active, standby"),
    ],
)
def test_make_chaos_refuses_what_makes_no_sense(up: str, variables: dict[str, str], words: str) -> None:
    done = run("make", "chaos", *(f"{k}={v}" for k, v in variables.items()), check=False)
    assert done.returncode != 0
    assert words in done.stderr
    assert state()["steady"], "nothing was done"


def test_make_chaos_refuses_a_system_that_is_not_steady(up: str) -> None:
    docker("stop", container("predictor-1"))
    done = make("chaos", check=False)
    docker("start", container("predictor-1"))
    assert done.returncode != 0
    assert "not steady" in done.stderr
    assert "predictor-1" in done.stderr
    wait_until_steady()


def test_make_loadtest_finds_the_first_failure_and_saves_every_request(up: str) -> None:
    load = {**BUSY, "RATE": "60", "RAMP": "20", "RATE_MAX": "500", "BEYOND_S": "2"}
    with alone():
        done = make("loadtest", check=False, given=load)
    folder = records(done.stdout)
    summary = json.loads((folder / "summary.json").read_text())
    rows = (folder / "requests.csv").read_text().splitlines()[1:]
    assert len(rows) == summary["sent_requests"]
    assert summary["first_failure"]["rate_per_s"] > 60
    assert {"locust_stats.csv", "locust.html", "settings.json"} <= {path.name for path in folder.iterdir()}
    assert done.returncode in {0, 2}, "valid, or said to be invalid"
    assert ("INVALID" in done.stdout) == (done.returncode != 0)
    wait_until_steady()


def test_make_loadtest_all_compares_what_it_ran(up: str) -> None:
    load = {**BUSY, "RATE": "100", "RAMP": "60", "RATE_MAX": "600", "BEYOND_S": "1"}
    with alone():
        done = make("loadtest-all", TOPOLOGIES=up, TRIALS="2", given=load)
    (folder,) = re.findall(r"^saved: results/(\S+)/: compare.json", done.stdout, flags=re.MULTILINE)
    comparison = json.loads((RESULTS / folder / "compare.json").read_text())
    assert [row["topology"] for row in comparison["rates"]] == [up]
    rates = comparison["rates"][0]["rates"]
    assert rates["planned"] == 2
    assert rates["n"] + len(rates["left_out"]) == 2
    assert all(rate["per_s"] > 100 for rate in rates["values"])
    assert (RESULTS / folder / "compare.png").stat().st_size > 1000
    wait_until_steady()


def test_a_topology_of_ones_own_is_one_new_file(up: str, topology_file: Path) -> None:
    make("topology", NAME="own-test", ACTIVE="2", STANDBY="0")
    again = make("topology", check=False, NAME="own-test", ACTIVE="2")
    assert "exists" in again.stderr
    make("up", TOPOLOGY="own-test")
    wait_until_steady()
    assert {s["name"]: s["region"] for s in state()["servers"]} == {
        "predictor-1": "region-1",
        "predictor-2": "region-2",
    }
    names = docker("ps", "-a", "--format", "{{.Names}}").splitlines()
    assert container("predictor-3") not in names, "what the new topology lacks is gone"


def test_a_bad_topology_is_refused_before_anything_changes(up: str, topology_file: Path) -> None:
    make("topology", NAME="own-test", ACTIVE="2")
    topology_file.write_text(topology_file.read_text().replace("weight 100", "weight 0"))
    done = make("up", check=False, TOPOLOGY="own-test")
    assert done.returncode != 0
    assert re.search(r"own-test\.yaml:\d+: .*active", done.stderr + done.stdout), done.stderr
    assert state()["topology"] == up, "what runs goes on"


def test_a_topology_that_is_not_there_names_those_that_are(up: str) -> None:
    done = make("up", check=False, TOPOLOGY="3-activ")
    assert done.returncode != 0
    for name in ("single", "2-active", "3-active", "4-active-2-standby"):
        assert name in done.stderr


def test_a_predictor_that_is_told_to_misbehave_only_hears_it_from_inside(up: str) -> None:
    assert httpx.put(f"{PUBLIC}/faults", json={"unready": True, "duration_s": 5}).status_code == 404
    assert inside("predictor-1", "GET", "/faults")
