"""An experiment's folder with planted records: kill-active on 2-active, as the lab writes it.

The story, in seconds after the fault: at 0 predictor-1 is killed; 3 requests that were in flight
are lost; at 0.019 the standby is promoted; at 3 predictor-1 is healthy again; at 8 the standby is
parked. `python experiment_folder.py FOLDER` writes one to look at.
"""

import csv
import json
import random
import sys
from pathlib import Path
from typing import Any

from lab.facts.ledger import DEFINITIONS
from lab.records.requests import COLUMNS
from unit.lab.journal_entries import KILLED_AND_REPLACED, T0

RATE_PER_S, BEFORE_S, AFTER_S = 90, 10.0, 20.0
SENT = round((BEFORE_S + AFTER_S) * RATE_PER_S)
LOST, RETRIED, LATE, SHED = 3, 4, 2, 5


def rows() -> list[dict[str, Any]]:
    """Make the client's rows: 90 requests a second for 30 s, evenly due."""
    noise = random.Random(7)  # noqa: S311 - noise in a picture
    made: list[dict[str, Any]] = []
    for number in range(SENT):
        due = number / RATE_PER_S - BEFORE_S
        latency, status, failure, server = (
            noise.gammavariate(6, 2),
            200,
            "none",
            f"predictor-{1 + number % 2}",
        )
        if 0 <= due < 0.06 and server == "predictor-1":
            status, failure, latency, server = 0, "error", 52.0, ""
        elif 0 <= due < 3:
            server = f"predictor-{2 + number % 2}"
            latency *= 4 if due < 0.3 else 1.3
        elif due >= 3:
            server = f"predictor-{1 + number % (3 if due < 8 else 2)}"
        if number in range(945, 945 + SHED):
            status, failure, latency, server = 429, "refused", 1.5, "haproxy"
        elif number in range(963, 963 + LATE):
            latency, failure = 1180.0, "late"
        error = "status 0" if failure == "error" else ""
        sent = T0 + due + 0.0005
        made.append(
            {
                "request_id": f"{number:032x}",
                "scheduled_s": f"{T0 + due:.6f}",
                "sent_s": f"{sent:.6f}",
                "latency_ms": f"{latency + 0.5:.3f}",
                "service_ms": f"{latency:.3f}",
                "status": status,
                "server": server,
                "error": error,
                "failure": failure,
            }
        )
    return made


def write_rows(path: Path, made: list[dict[str, Any]]) -> None:
    """Write a requests.csv; columns that a row lacks are empty."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(made)


def samples() -> list[dict[str, Any]]:
    """Sample the controller's state four times a second."""
    made = []
    for number in range(round((BEFORE_S + AFTER_S) * 4)):
        at = number / 4 - BEFORE_S
        first = "up" if at < 0 or at >= 3 else ("starting" if at >= 0.75 else "down")
        promoted = 0 <= at < 8
        servers = [
            _server("predictor-1", "active", first, in_rotation=first == "up"),
            _server("predictor-2", "active", "up", in_rotation=True),
            _server("predictor-3", "standby", "up", in_rotation=promoted),
        ]
        steady = not promoted
        reason = "every server is in its place" if steady else "predictor-3 helps until predictor-1 is stable"
        window = {"sent": 22, "served": 22, "refused": 0, "error": 0, "late": 0}
        made.append(
            {"time": T0 + at, "steady": steady, "steady_reason": reason, "servers": servers, "window": window}
        )
    return made


def _server(name: str, role: str, health: str, *, in_rotation: bool) -> dict[str, Any]:
    return {
        "name": name,
        "role": role,
        "region": "region-1",
        "health": health,
        "container": "exited" if health == "down" else "running",
        "in_rotation": in_rotation,
        "weight": 100 if in_rotation else 0,
        "sessions": 1,
        "limit": 10,
        "queue": 0,
        "reason": f"{name} is {health}",
    }


def faults() -> list[dict[str, Any]]:
    """Make the records of one kill."""
    common = {"fault": "kill", "target": "predictor-1", "parameters": {"signal": "SIGKILL"}}
    return [
        {"time": T0 + at, "event": event, "detail": detail, **common}
        for at, event, detail in (
            (0.0, "inject", "SIGKILL to the container"),
            (0.091, "effect", "the container is exited, exit code 137"),
            (2.9, "ended", "the container runs, and predictor-1 is healthy"),
        )
    ]


def ledger() -> dict[str, Any]:
    """Make the ledger; its classes add up to what was sent."""
    counts = dict.fromkeys(DEFINITIONS, 0)
    counts |= {"lost_in_flight": LOST, "served_after_retry": RETRIED, "served_late": LATE, "shed": SHED}
    counts["served"] = SENT - sum(counts.values())
    lost = [
        {
            "request_id": f"{900 + 2 * number:032x}",
            "time": T0 + 0.0005 + 2 * number / RATE_PER_S,
            "class": "lost_in_flight",
            "server": "predictor-1",
            "phase": "waiting for the reply's headers",
            "termination_state": "SH",
            "detail": "its body did not fit the buffer, so it could not be retried",
        }
        for number in range(LOST)
    ]
    return {
        "complete": True,
        "incomplete_because": [],
        "sent": SENT,
        "classes": counts,
        "executed_twice": 0,
        "lost": lost,
        "per_server": {
            "predictor-1": {"served": 1180, "lost_in_flight": LOST},
            "predictor-2": {"served": 1190, "served_after_retry": RETRIED, "served_late": 1},
            "predictor-3": {"served": 316, "served_late": 1},
            "": {"shed": SHED},
        },
        "definitions": DEFINITIONS,
    }


PHASES = (
    ("first client affected", "fault injected", 0.0, 0.0021, "requests.csv", 1.0),
    ("detected", "first client affected", 0.0021, 0.0184, "journal: tripwire", 0.5),
    ("decided", "detected", 0.0184, 0.0190, "journal", 0.1),
    ("commanded", "decided", 0.0190, 0.0201, "journal", 0.1),
    ("in rotation", "commanded", 0.0201, 0.0217, "journal", 1.2),
    ("first served", "in rotation", 0.0217, 0.0412, "haproxy.jsonl", 1.0),
    ("steady again", "first served", 0.0412, 7.95, "samples.jsonl", 250.0),
)


def story() -> dict[str, Any]:
    """Make the budget of the same failure."""
    return {
        "phases": [
            {
                "name": name,
                "from": before,
                "start_s": start,
                "end_s": end,
                "duration_ms": round((end - start) * 1000, 3),
                "source": source,
                "uncertainty_ms": uncertain,
            }
            for name, before, start, end, source, uncertain in PHASES
        ],
        "total_ms": 41.2,
        "uncertainty_ms": 1.2,
        "notes": [
            "all parts run on one machine and share its clock; HAProxy's log counts whole milliseconds"
        ],
    }


def invariants() -> dict[str, Any]:
    """Make the findings: one of each verdict."""
    texts = (
        (
            "no promotion of an unproven server",
            "valid",
            "1 promotion; predictor-3 had passed 40 checks before",
        ),
        ("the last healthy server stays in", "valid", "at least 1 other server was up at 2 removals"),
        (
            "no new request for a parked server",
            "invalid",
            "request 0a1b went to predictor-3 0.3 s after demotion",
        ),
        ("no request executed after it failed", "unknown", "the log of predictor-1 ends with its kill"),
    )
    return {
        "findings": [
            {"name": name, "verdict": verdict, "evidence": [evidence], "rule": f"the rule: {name}"}
            for name, verdict, evidence in texts
        ]
    }


def verdict() -> dict[str, Any]:
    """Make the verdict: 1 of 4 expectations is not met."""
    expected = (
        ("lost requests", 0, LOST, "requests", False),
        ("out of service, at most", 200, 60.0, "ms", True),
        ("standby in rotation, at most", 100, 21.7, "ms", True),
        ("requests whose end is unknown", 0, 0, "requests", True),
    )
    return {
        "verdict": "not met",
        "because": [f"lost requests: {LOST}, expected 0", "all of them were in flight on predictor-1"],
        "scenario": "kill-active",
        "topology": "2-active",
        "seed": 7,
        "trial": 1,
        "expectations": [
            {"text": text, "expected": bound, "measured": value, "unit": unit, "met": met}
            for text, bound, value, unit, met in expected
        ],
        "exposure": exposure(),
        "aborted": False,
        "started_s": T0 - BEFORE_S - 3,
        "ended_s": T0 + AFTER_S + 1,
        "fault_s": [T0, T0 + 2.9],
        "recovered_s": T0 + 7.95,
    }


def exposure() -> dict[str, Any]:
    """Make what was at stake: 7 requests, of which 3 were lost."""
    fates = {"exposed": 7, "served": 0, "saved_by_retry": RETRIED, "late": 0, "shed": 0, "wrong_answer": 0}
    fates |= {"lost": LOST, "unknown": 0, "other": 0}
    span = {"struck_s": T0, "until_s": T0 + 0.0201, "until": "out of rotation", "exempt": ""}
    return {
        "strokes": [{"fault": "kill", "target": "predictor-1", **span, **fates}],
        "total": fates,
        "slack_s": 0.05,
    }


def settings() -> dict[str, Any]:
    """Make the settings as a load test saves them."""
    container = {
        "image": "sha256:" + "5e" * 32,
        "cpu_period_us": 10000,
        "cpu_quota_us": 3000,
        "memory_limit_bytes": 1 << 28,
        "environment": {},
    }
    return {
        "topology": "2-active",
        "service": {
            name: {
                "kind": "emulated",
                "slots": 1,
                "service_ms": 25.0,
                "row_ms": 1.0,
                "cv": 0.0,
                "capacity_per_s": 40.0,
            }
            for name in ("predictor-1", "predictor-2", "predictor-3")
        },
        "started_s": T0 - BEFORE_S - 3,
        "ended_s": T0 + AFTER_S,
        "settings": {"limit_ms": 900.0},
        "versions": {"lab": "0.3.0", "python": "3.13.5", "haproxy": "3.0.11", "docker": "26.1.5"},
        "plan": {"rate_per_s": RATE_PER_S},
        "machine": {"CPUs": "2", "CPU": "a CPU with 2 cores", "memory": "24.0 GiB"},
        "containers": {"predictor-1": container, "haproxy": container | {"cpu_period_us": 0}},
    }


SCENARIO = """# The active server is killed.
load: {rate: 90, before_s: 10, after_s: 20}
faults:
  - {fault: kill, target: active, at_s: 0}
expect: {lost: 0, out_of_service_ms: under 200}
"""


def plant(folder: Path) -> Path:
    """Write all of it into the folder; return the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in (
        ("verdict", verdict()),
        ("ledger", ledger()),
        ("story", story()),
        ("invariants", invariants()),
        ("settings", settings()),
    ):
        (folder / f"{name}.json").write_text(json.dumps(content, indent=2), encoding="utf-8")
    for name, lines in (
        ("samples", samples()),
        ("faults", faults()),
        ("journal", [entry.raw for entry in KILLED_AND_REPLACED]),
    ):
        text = "".join(f"{json.dumps(line)}\n" for line in lines)
        (folder / f"{name}.jsonl").write_text(text, encoding="utf-8")
    write_rows(folder / "requests.csv", rows())
    (folder / "scenario.yaml").write_text(SCENARIO, encoding="utf-8")
    return folder


if __name__ == "__main__":
    print(plant(Path(sys.argv[1])))
