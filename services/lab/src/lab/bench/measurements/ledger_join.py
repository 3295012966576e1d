"""How long the ledger takes for a million requests, and how much memory.

The records are made up here, so the system that runs has no part in it.
"""

import json
import multiprocessing
import random
import resource
import shutil
import time
from multiprocessing.connection import Connection
from pathlib import Path

from lab import records
from lab.bench import Bench
from lab.bench.figures import Figures, below
from lab.facts import ledger
from lab.load import answers
from lab.load.answers import Answers
from lab.records import Request, RequestWriter

REQUESTS = 1_000_000
TOOK_S, MEMORY_MB = 20.0, 1000.0
START_S = 1_763_762_400.0
RATE_PER_S = 1000
BODIES = 200
RIGHT = 0.25


def measure(bench: Bench) -> Figures:
    """Return how long building the ledger took (s), and the process's largest resident memory (MB)."""
    folder = bench.folder / "ledger-join"
    folder.mkdir()
    plant(folder, REQUESTS)
    took, memory = [], []
    for _ in range(min(bench.trials, 3)):
        took_s, memory_mb = in_a_process(folder)
        took.append(took_s)
        memory.append(memory_mb)
    shutil.rmtree(folder)  # nearly a gigabyte that `plant` makes again, the same to the byte
    return [
        below(f"ledger: {REQUESTS:,} requests joined", TOOK_S, "s", took),
        below(f"ledger: memory for {REQUESTS:,} requests", MEMORY_MB, "MB", memory),
    ]


def in_a_process(folder: Path) -> tuple[float, float]:
    """Build the ledger in a process of its own; return time (s) and memory (MB)."""
    spawn = multiprocessing.get_context("spawn")
    ours, theirs = spawn.Pipe()
    process = spawn.Process(target=_build, args=(folder, theirs))
    process.start()
    theirs.close()
    took_s, memory_mb = ours.recv()
    process.join()
    return took_s, memory_mb


def _build(folder: Path, told: Connection) -> None:
    begun = time.monotonic()
    ledger.build(folder)
    took_s = time.monotonic() - begun
    told.send((took_s, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000))


def plant(folder: Path, count: int) -> None:
    """Write the records of an experiment with so many requests; one of 100 was retried, one of 1000 lost."""
    draw = random.Random(1)  # noqa: S311 - records, not a secret
    writer = RequestWriter(folder / records.REQUESTS)
    with (
        (folder / records.HAPROXY_LOG).open("w", encoding="utf-8") as haproxy,
        (folder / records.PREDICTOR_LOG).open("w", encoding="utf-8") as predictor,
    ):
        for number in range(count):
            request_id, took_ms = f"{draw.getrandbits(128):032x}", draw.uniform(15, 45)
            at, body, server = (START_S + number / RATE_PER_S, number % BODIES, f"predictor-{number % 3}")
            lost = number % 1000 == 7  # noqa: PLR2004
            sent = (request_id, at, at, took_ms, took_ms)
            if lost:
                writer.write(Request(*sent, 502, "haproxy", "status 502", body, None, None, records.ERROR))
            else:
                writer.write(Request(*sent, 200, server, "", body, RIGHT, False, records.NONE))
                predictor.write(_predicted(request_id, at, server, took_ms))
            haproxy.write(_logged(request_id, at, server, took_ms, lost=lost, retried=number % 100 == 0))
    writer.close()
    records.write_json(folder / records.GENERATOR, {"begun_requests": count, "unfinished_requests": 0})
    answers.save(folder, Answers("1", 1, [RIGHT] * BODIES, [False] * BODIES))


def _predicted(request_id: str, at: float, server: str, took_ms: float) -> str:
    """Return a predictor's line."""
    line = {
        "time": at + 0.001,
        "request_id": request_id,
        "server": server,
        "method": "POST",
        "path": "/predict",
        "status": 200,
        "duration_ms": round(took_ms - 2, 3),
        "queue_ms": 0.0,
        "inference_ms": 9.5,
        "candidates": 1,
    }
    return json.dumps(line) + "\n"


def _logged(request_id: str, at: float, server: str, took_ms: float, *, lost: bool, retried: bool) -> str:
    """Return a line of HAProxy's log, with all its fields."""
    line = {
        "time_us": int((at + 0.0003) * 1e6),
        "accepted_us": int((at - 1) * 1e6),
        "id": request_id,
        "client": "172.18.0.9",
        "method": "POST",
        "path": "/predict",
        "status": 502 if lost else 200,
        "frontend": "public",
        "backend": "predictors",
        "server": server,
        "retries": "+1" if retried else "0",
        "time_request_ms": 0,
        "time_queue_ms": 0,
        "time_connect_ms": 0,
        "time_response_ms": int(took_ms) - 1,
        "time_data_ms": 0,
        "time_active_ms": int(took_ms),
        "time_total_ms": int(took_ms) + 900,
        "termination_state": "SH" if lost else "--",
        "bytes_received": 400,
        "bytes_sent": 250,
        "connections": 10,
        "backend_connections": 3,
        "server_connections": 2,
        "server_queue": 0,
        "backend_queue": 0,
    }
    return json.dumps(line) + "\n"
