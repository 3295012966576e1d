"""What a load test saves: the files of a result folder, their columns, and how they are read back.

requests.csv    a row per request, written when its reply came (or it was given up)
cpu.csv         a row per second: the machine's idle CPU, the generator's share of a core
load.json       what was to be sent (lab.load.spec)
generator.json  how the generator itself fared: requests begun, in progress, unfinished
settings.json   settings, versions, containers, the controller's state before and after
summary.json    the numbers; `make report` makes them again from the other files
bodies.json     the request bodies, drawn before the load (lab.load.bodies)
answers.json    the right answer to each, from the model file (lab.load.oracle)
haproxy.jsonl, predictor.jsonl, journal.jsonl, faults.jsonl, samples.jsonl, collected.json
                of an experiment: docs/ledger.md and docs/results.md say what is in them
locust_*.csv, locust.html   Locust's own records, log included
"""

import json
import os
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from lab.errors import RecordsError

REQUESTS, CPU, GENERATOR = "requests.csv", "cpu.csv", "generator.json"
LOAD, BODIES, ANSWERS = "load.json", "bodies.json", "answers.json"
SETTINGS_FILE, SUMMARY = "settings.json", "summary.json"
HAPROXY_LOG, HAPROXY_MESSAGES, PREDICTOR_LOG = "haproxy.jsonl", "haproxy.txt", "predictor.jsonl"
JOURNAL, FAULTS, SAMPLES = "journal.jsonl", "faults.jsonl", "samples.jsonl"
COLLECTED, SCENARIO = "collected.json", "scenario.yaml"
VERDICT, LEDGER, STORY, INVARIANTS = "verdict.json", "ledger.json", "story.json", "invariants.json"
CPU_COLUMNS = ("time_s", "idle_percent", "generator_percent")


def new_folder(parent: Path, name: str, now: datetime | None = None) -> Path:
    """Make an empty result folder, `<UTC time>-<name>`; one that exists is never used again."""
    stem = f"{now or datetime.now(UTC):%Y%m%dT%H%M%SZ}-{name}"
    for number in range(1, 100):
        folder = parent / (stem if number == 1 else f"{stem}-{number}")
        try:
            folder.mkdir(parents=True)
        except FileExistsError:
            continue
        except OSError as error:
            raise RecordsError(
                f"{folder} cannot be made: {error.strerror}",
                cause="the results folder belongs to another user, or was made by the Docker daemon",
                remedy="make the folder results/ yours (chown), or delete it where it is empty",
            ) from error
        return folder
    raise RecordsError(f"{parent} holds 99 results named {stem}")


def write_json(path: Path, content: Any) -> None:
    """Write a JSON file so that a reader sees the old content or the new, never a part."""
    partial = path.with_name(path.name + ".part")
    partial.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    os.replace(partial, path)  # noqa: PTH105 - the name says what it is for


def read_json(path: Path) -> Any:
    """Read a JSON file of a result folder."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise RecordsError(
            f"{path} is missing",
            cause="this is not a result folder of `make loadtest`, or its run never got going",
            remedy="name a folder below results/ that holds it",
        ) from error
    except json.JSONDecodeError as error:
        raise RecordsError(f"{path} is not JSON: {error}", remedy="take another result folder") from error


def json_object(line: str) -> dict[str, Any] | None:
    """Return a line's JSON object; None if it holds none."""
    try:
        raw = json.loads(line)
    except json.JSONDecodeError:
        return None
    return raw if isinstance(raw, dict) else None


def json_lines(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the objects of a file of JSON lines.

    Other lines, and one that was cut off, are left out.
    """
    if not path.is_file():
        return
    with path.open(encoding="utf-8", errors="replace") as file:
        for line in file:
            if (raw := json_object(line)) is not None:
                yield raw
