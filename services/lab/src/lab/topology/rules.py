"""The rules of topology files: each names the line, what is wrong and what was expected.

topology.py states them in words. Pure: from what was read to problems.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from lab.topology import yaml_nodes
from lab.topology.servers import MAX_WEIGHT, Problem, ServerLine
from lab.topology.yaml_nodes import Entry

REGION_LABEL = "hadr.region"
SERVER_PORT = 8000

QUOTA_INSTEAD = (
    "environment: {PREDICTOR_SLOTS: 2, PREDICTOR_SERVICE_MS: 20}: a quota does not give a server a size"
)
EXTENDS = {"file": "predictor.yaml", "service": "predictor"}


def check_service(name: str, entry: Entry, profile: str) -> Iterator[Problem]:
    """Check what the file states of one server's service."""
    keys = yaml_nodes.entries(entry.node)

    def text(key: str) -> str | None:
        return keys[key].text if key in keys else None

    def wrong(what: str, expected: str, key: str = "") -> Problem:
        return Problem(keys.get(key, entry).line, f"{name} {what}", expected)

    if not re.fullmatch(r"predictor-[1-9]\d*", name):
        yield Problem(entry.line, f"service {name}", "a server's name: predictor-1, predictor-2, ...")
    extends = yaml_nodes.entries(keys["extends"].node) if "extends" in keys else {}
    if {key: value.text for key, value in extends.items()} != EXTENDS:
        yield wrong("does not extend the predictor", "extends: {file: predictor.yaml, service: predictor}")
    profiles = [item.text for item in yaml_nodes.items(keys["profiles"].node)] if "profiles" in keys else []
    if profiles != [profile]:
        what = f"has the profiles {profiles}" if profiles else "has no profile"
        yield wrong(what, f'profiles: ["{profile}"], the name of the file', "profiles")
    if text("hostname") != name:
        what = f"has the host name {text('hostname')!r}" if "hostname" in keys else "has no host name"
        yield wrong(what, f"hostname: {name}, which replies carry as X-Served-By")
    if not region(entry):
        yield wrong("has no region", f"labels: {{{REGION_LABEL}: region-1}}")
    if not re.fullmatch(r"[1-9]\d*[bkmg]b?", text("mem_limit") or "", re.IGNORECASE):
        what = f"has the mem_limit {text('mem_limit')!r}" if "mem_limit" in keys else "has no mem_limit"
        yield wrong(what, "a memory limit such as 256m", "mem_limit")
    for key in sorted(keys.keys() & {"cpu_quota", "cpus"}):
        yield wrong(f"has a CPU quota ({key})", QUOTA_INSTEAD, key)


def region(entry: Entry | None) -> str | None:
    """Return the region label of a service, written as a mapping or as a list of NAME=VALUE."""
    labels = yaml_nodes.entries(entry.node).get("labels") if entry else None
    if labels is None:
        return None
    pairs = {key: value.text for key, value in yaml_nodes.entries(labels.node).items()}
    for item in yaml_nodes.items(labels.node):
        key, _, value = (item.text or "").partition("=")
        pairs[key] = value
    return pairs.get(REGION_LABEL)


def check_servers(
    lines: Sequence[ServerLine], key_line: int, services: Mapping[str, Entry]
) -> Iterator[Problem]:
    """Check the server lines against each other and against the services.

    `key_line` is their key's.
    """
    if not lines:
        yield Problem(key_line, "no server at all", "at least one server line")
    elif all(line.standby for line in lines):
        expected = "at least one server without 'weight 0'"
        yield Problem(key_line, "no active server: every weight is 0", expected)
    for line in lines:
        yield from _check_line(line, services)
    for name in services.keys() - {line.name for line in lines}:
        expected = f"'server {name} {name}:{SERVER_PORT} check'"
        yield Problem(services[name].line, f"service {name} has no server line", expected)


def _check_line(line: ServerLine, services: Mapping[str, Entry]) -> Iterator[Problem]:
    """Check one server line of the serving backend."""
    server, address = f"server {line.name}", f"{line.name}:{SERVER_PORT}"
    if line.name not in services:
        expected = f"a service {line.name} in this file"
        yield Problem(line.line, f"no service backs the {server}", expected)
    if line.address != address:
        yield Problem(line.line, f"{server} has the address {line.address}", address)
    if line.weight is None:
        what = f"{server} has the weight {line.values.get('weight')!r}"
        yield Problem(line.line, what, f"0 (standby) to {MAX_WEIGHT}")
    if "check" not in line.flags:
        yield Problem(line.line, f"{server} is not checked", "the word 'check' in its line")
    for word in sorted(line.flags & {"backup", "disabled"}):
        yield Problem(line.line, f"{server} is {word!r}", "'weight 0', so that a standby stays checked")
    if not re.fullmatch(r"[1-9]\d*", line.values.get("maxconn", "")):
        yield Problem(line.line, f"{server} has no limit", "maxconn N in its line or in default-server")
