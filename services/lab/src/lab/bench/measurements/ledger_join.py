"""How long the ledger takes for a million requests, and how much memory.

The records are made up here, so the system that runs has no part in it.
"""

import json
import multiprocessing
import random
import resource
import shutil
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict
from pathlib import Path

from lab.bench import Bench
from lab.bench.figures import Figures, below
from lab.facts import ledger
from lab.facts.validity import Generator
from lab.load import answers
from lab.load.answers import Answers
from lab.records.classes import ERROR, NONE
from lab.records.folder import GENERATOR, HAPROXY_LOG, PREDICTOR_LOG, REQUESTS, write_json
from lab.records.requests import Request, RequestWriter

COUNT = 1_000_000
TOOK_S, MEMORY_MB = 20.0, 1000.0
START_S = 1_763_762_400.0
RATE_PER_S = 1000
BODIES = 200
RIGHT = 0.25
PREDICTED = {
    "method": "POST", "path": "/predict", "status": 200, "queue_ms": 0.0, "inference_ms": 9.5,
    "candidates": 1,
}  # fmt: skip
LOGGED = {
    "client": "172.18.0.9", "method": "POST", "path": "/predict", "frontend": "public",
    "backend": "predictors", "server_queue": 0, "backend_queue": 0, "time_request_ms": 0, "time_queue_ms": 0,
    "time_connect_ms": 0, "time_data_ms": 0, "bytes_received": 400, "bytes_sent": 250, "connections": 10,
    "backend_connections": 3, "server_connections": 2,
}  # fmt: skip
"""The fields of each line that are the same in all."""


def measure(bench: Bench) -> Figures:
    """Return how long the ledger took (s), and the process's largest resident memory (MB)."""
    folder = bench.folder / "ledger-join"
    folder.mkdir()
    plant(folder, COUNT)
    took, memory = zip(*(in_a_process(folder) for _ in range(min(bench.trials, 3))), strict=True)
    shutil.rmtree(folder)  # nearly a gigabyte that `plant` makes again, the same to the byte
    return [
        below(f"ledger: {COUNT:,} requests joined", TOOK_S, "s", took),
        below(f"ledger: memory for {COUNT:,} requests", MEMORY_MB, "MB", memory),
    ]


def in_a_process(folder: Path) -> tuple[float, float]:
    """Build the ledger in a process of its own; return time (s) and memory (MB)."""
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as process:
        return process.submit(_build, folder).result()


def _build(folder: Path) -> tuple[float, float]:
    begun = time.monotonic()
    ledger.build(folder)
    took_s = time.monotonic() - begun
    return took_s, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000


def plant(folder: Path, count: int) -> None:
    """Write the records of an experiment with so many requests.

    One of 100 was retried, one of 1000 lost.
    """
    draw = random.Random(1)  # noqa: S311 - records, not a secret
    writer = RequestWriter(folder / REQUESTS)
    with (
        (folder / HAPROXY_LOG).open("w", encoding="utf-8") as haproxy,
        (folder / PREDICTOR_LOG).open("w", encoding="utf-8") as predictor,
    ):
        for number in range(count):
            request_id, took_ms = f"{draw.getrandbits(128):032x}", draw.uniform(15, 45)
            at, body, server = (START_S + number / RATE_PER_S, number % BODIES, f"predictor-{number % 3}")
            lost = number % 1000 == 7  # noqa: PLR2004
            sent = (request_id, at, at, took_ms, took_ms)
            if lost:
                writer.write(Request(*sent, 502, "haproxy", "status 502", body, None, None, ERROR))
            else:
                writer.write(Request(*sent, 200, server, "", body, RIGHT, False, NONE))
                predictor.write(_predicted(request_id, at, server, took_ms))
            haproxy.write(_logged(request_id, at, server, took_ms, lost=lost, retried=number % 100 == 0))
    writer.close()
    write_json(folder / GENERATOR, asdict(Generator(True, count, 0, 0, 0, "the schedule ended")))
    answers.save(folder, Answers("1", 1, [RIGHT] * BODIES, [False] * BODIES))


def _predicted(request_id: str, at: float, server: str, took_ms: float) -> str:
    """Return a predictor's line."""
    own = {"time": at + 0.001, "request_id": request_id, "server": server}
    return json.dumps(own | PREDICTED | {"duration_ms": round(took_ms - 2, 3)}) + "\n"


def _logged(request_id: str, at: float, server: str, took_ms: float, *, lost: bool, retried: bool) -> str:
    """Return a line of HAProxy's log, with all its fields."""
    own = {
        "time_us": int((at + 0.0003) * 1e6),
        "accepted_us": int((at - 1) * 1e6),
        "id": request_id,
        "status": 502 if lost else 200,
        "server": server,
        "retries": "+1" if retried else "0",
        "time_response_ms": int(took_ms) - 1,
        "time_active_ms": int(took_ms),
        "time_total_ms": int(took_ms) + 900,
        "termination_state": "SH" if lost else "--",
    }
    return json.dumps(own | LOGGED) + "\n"
