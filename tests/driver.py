"""Drives the real lab for the integration and end-to-end tests.

Make, Docker, HTTP and a small open load.
"""

from __future__ import annotations

import json
import os
import subprocess
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import httpx

ROOT = Path(__file__).resolve().parent.parent
# Tests in several processes: a lab for each, its ports ten above those of the process before.
NUMBER = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
PROJECT = os.environ.get("HADR_PROJECT", "hadr-lab-test") + (f"-{NUMBER}" if NUMBER else "")
PORT = int(os.environ.get("HADR_PORT", "18000")) + 10 * NUMBER
STATS_PORT = int(os.environ.get("HADR_STATS_PORT", "18404")) + 10 * NUMBER
CONTROLLER_PORT = int(os.environ.get("HADR_CONTROLLER_PORT", "18405")) + 10 * NUMBER
HAPROXY_IMAGE = f"hadr-lab/haproxy:{os.environ.get('HADR_IMAGE_TAG', 'local')}"
PUBLIC = f"http://127.0.0.1:{PORT}"
STATS = f"http://127.0.0.1:{STATS_PORT}"
CONTROLLER = f"http://127.0.0.1:{CONTROLLER_PORT}"
# One knob for slow machines: every deadline below is multiplied by it.
TIME_SCALE = float(os.environ.get("HADR_TEST_TIME_SCALE", "1"))
# The capacity of the defaults (50/s a server) in services of four times their length: it is not
# noticed that a busy machine wakes somebody some ms late, and a server that is struck has requests
# on it.
SERVICE = {"SERVICE_MS": "80", "SLOTS": "4"}
# The controller's policy with short times. `unready_restart_s` is longer than the scenario `hang`
# hangs.
SHORT = {
    **SERVICE,
    "CONTROLLER_STABLE_S": "1",
    "CONTROLLER_START_PAUSE_S": "0.2",
    "CONTROLLER_START_PAUSE_MAX_S": "1",
    "CONTROLLER_PROVEN_S": "5",
    "CONTROLLER_UNREADY_RESTART_S": "7",
    "CONTROLLER_START_GRACE_S": "20",
}
SHIPPED = dict.fromkeys(SHORT, "")
"""Given to `make up`, it brings up the lab as it is shipped."""
SAMPLE = {
    "gender": "M",
    "ssc_p": 71.0,
    "ssc_b": "Central",
    "hsc_p": 90.66,
    "hsc_b": "Central",
    "hsc_s": "Science",
    "degree_p": 90.0,
    "degree_t": "Sci&Tech",
    "etest_p": 90.0,
    "mba_p": 90.3,
    "specialisation": "Mkt&Fin",
    "workex": "Yes",
}
T = TypeVar("T")


def environment(**extra: str) -> dict[str, str]:
    """The environment of every command.

    A Compose project, ports and short times of the tests' own.
    """
    return {
        **os.environ,
        **SHORT,
        "HADR_PROJECT": PROJECT,
        "HADR_PORT": str(PORT),
        "HADR_STATS_PORT": str(STATS_PORT),
        "HADR_CONTROLLER_PORT": str(CONTROLLER_PORT),
        **extra,
    }


def run(
    *command: str, check: bool = True, timeout_s: float = 300, extra: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a command in the repository; a failure found by `check` shows what it printed."""
    done = subprocess.run(
        command,
        cwd=ROOT,
        env=environment(**(extra or {})),
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        timeout=timeout_s * TIME_SCALE,
        check=False,
    )
    if check and done.returncode != 0:
        raise AssertionError(
            f"{' '.join(command)} ended with {done.returncode}\n{done.stdout}\n{done.stderr}"
        )
    return done


def make(
    target: str,
    check: bool = True,
    timeout_s: float = 300,
    given: Mapping[str, str] | None = None,
    **variables: str,
) -> subprocess.CompletedProcess[str]:
    """`make TARGET NAME=value ...`, as a user types it; `given` are variables too."""
    values = {**(given or {}), **variables}
    return run("make", target, *(f"{k}={v}" for k, v in values.items()), check=check, timeout_s=timeout_s)


def container(service: str) -> str:
    """The container of a service of this project."""
    return f"{PROJECT}-{service}-1"


def docker(*arguments: str, check: bool = True) -> str:
    """A docker command's standard output."""
    return run("docker", *arguments, check=check).stdout.strip()


def kill(*services: str) -> None:
    """SIGKILL, all in one call."""
    docker("kill", *(container(service) for service in services))


def compose(command: str, topology: str, **extra: str) -> str:
    """A Compose command on a topology, without make.

    For the tests that leave parts of the lab out.
    """
    script = f". compose/bin/env.sh; use_topology {topology}; compose {command}"
    return run("bash", "-c", script, extra=extra).stdout


def eventually(probe: Callable[[], T], timeout_s: float = 20, what: str = "") -> T:
    """Poll until `probe` returns something true; an AssertionError in it counts as not yet."""
    deadline = time.monotonic() + timeout_s * TIME_SCALE
    last: object = None
    while time.monotonic() < deadline:
        try:
            result = probe()
        except (AssertionError, httpx.HTTPError) as error:
            last = error
        else:
            if result:
                return result
            last = result
        time.sleep(0.05)
    raise AssertionError(f"not within {timeout_s} s: {what or probe} (last: {last!r})")


def state() -> dict[str, Any]:
    """The controller's /state."""
    reply = httpx.get(f"{CONTROLLER}/state", timeout=5)
    assert reply.status_code == 200, reply.text
    body: dict[str, Any] = reply.json()
    return body


def server(name: str) -> dict[str, Any]:
    """One server of the controller's /state."""
    found = [entry for entry in state()["servers"] if entry["name"] == name]
    assert found, f"/state has no {name} yet"
    return dict(found[0])


def in_rotation() -> set[str]:
    """The names of the servers that get new requests."""
    return {entry["name"] for entry in state()["servers"] if entry["in_rotation"]}


def wait_until_steady(timeout_s: float = 60) -> None:
    """Until every server is healthy and in its place."""
    eventually(lambda: state()["steady"], timeout_s, "the system is steady")


def journal(after: int = 0) -> list[dict[str, Any]]:
    """The controller's journal entries since the sequence number `after`."""
    reply = httpx.get(f"{CONTROLLER}/journal", params={"after": after}, timeout=5)
    assert reply.status_code == 200, reply.text
    return [json.loads(line) for line in reply.text.splitlines()]


def last_sequence() -> int:
    """The sequence number of the newest journal entry."""
    entries = journal()
    return int(entries[-1]["seq"]) if entries else 0


def stats() -> dict[str, dict[str, str]]:
    """HAProxy's own table: `backend/server` -> column -> text."""
    lines = httpx.get(f"{STATS}/;csv", timeout=5).text.removeprefix("# ").splitlines()
    names = lines[0].split(",")
    rows = (dict(zip(names, line.split(","), strict=False)) for line in lines[1:])
    return {f"{row['pxname']}/{row['svname']}": row for row in rows}


def haproxy_log(since_s: float) -> list[dict[str, Any]]:
    """HAProxy's log records of the requests that arrived since a time (s, epoch).

    What never became a request (a connection that only sent rubbish) has no time of arrival and is
    left out.
    """
    text = docker("logs", "--since", f"{since_s - 1:.3f}", container("haproxy"))
    records = [json.loads(line) for line in text.splitlines() if line.startswith("{")]
    return [record for record in records if int(record["time_us"] or 0) >= since_s * 1e6]


def inside(service: str, method: str, path: str, body: object = None) -> Any:
    """Call a predictor from inside its own container: its inner routes are published nowhere."""
    script = (
        "import json,sys,urllib.request as u;"
        "b=sys.argv[3].encode() or None;"
        "r=u.Request('http://127.0.0.1:8000'+sys.argv[2],data=b,method=sys.argv[1],"
        "headers={'Content-Type':'application/json'});"
        "print(u.urlopen(r,timeout=5).read().decode())"
    )
    text = "" if body is None else json.dumps(body)
    printed = docker("exec", container(service), "python3", "-c", script, method, path, text)
    return json.loads(printed) if printed.startswith(("{", "[")) else printed


@dataclass
class Load:
    """The outcome of an open load.

    One (status, latency in s, server, sent time in epoch s) per request; status 0 means no reply.
    """

    outcomes: list[tuple[int, float, str, float]] = field(default_factory=list)

    @property
    def failed(self) -> list[tuple[int, float, str, float]]:
        """Every outcome that is not a prediction."""
        return [outcome for outcome in self.outcomes if outcome[0] != 200]

    def count(self, status: int) -> int:
        """Return how many replies had this status."""
        return sum(outcome[0] == status for outcome in self.outcomes)


@contextmanager
def crowd(clients: int) -> Iterator[None]:
    """So many clients while the block runs, each of whom asks again as soon as it is answered."""
    stop = threading.Event()

    def ask() -> None:
        with httpx.Client(timeout=10) as client:
            while not stop.is_set():
                with suppress(httpx.HTTPError):
                    client.post(f"{PUBLIC}/predict", json=SAMPLE)

    with ThreadPoolExecutor(clients) as pool:
        asking = [pool.submit(ask) for _ in range(clients)]
        try:
            yield
        finally:
            stop.set()
    for one in asking:
        one.result()


@contextmanager
def load(rate_per_s: float, bound_s: float = 60) -> Iterator[Load]:
    """Open arrivals at a constant rate while the block runs, for `bound_s` at the most."""
    result = Load()
    stop = threading.Event()
    pool = ThreadPoolExecutor(max_workers=150)
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=150)

    def send(client: httpx.Client) -> None:
        begun, sent_s = time.monotonic(), time.time()
        headers = {"X-Request-ID": uuid.uuid4().hex}
        try:
            reply = client.post(f"{PUBLIC}/predict", json=SAMPLE, headers=headers)
            status, name = reply.status_code, reply.headers.get("X-Served-By", "")
        except httpx.HTTPError:
            status, name = 0, ""
        result.outcomes.append((status, time.monotonic() - begun, name, sent_s))

    def generate(client: httpx.Client) -> None:
        begun = time.monotonic()
        pending: list[Future[None]] = []
        n = 0
        while not stop.is_set() and time.monotonic() - begun < bound_s:
            due = begun + n / rate_per_s
            if (pause := due - time.monotonic()) > 0 and stop.wait(pause):
                break
            pending.append(pool.submit(send, client))
            n += 1
        for future in pending:
            future.result(timeout=30)

    with httpx.Client(timeout=10, limits=limits) as client:
        generator = threading.Thread(target=generate, args=(client,), daemon=True)
        generator.start()
        try:
            yield result
        finally:
            stop.set()
            generator.join(timeout=40)
            pool.shutdown()
