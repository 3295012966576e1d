"""The rules of topology files, each one check that names the line, what is wrong and what was expected.

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
MEMORY = (r"[1-9]\d*[bkmg]b?", "a memory limit such as 256m")


def check_service(name: str, entry: Entry, profile: str) -> Iterator[Problem]:
    """Check what the file states of one server's service."""
    line, keys = entry.line, yaml_nodes.entries(entry.node)

    def text(key: str) -> str | None:
        return keys[key].text if key in keys else None

    if not re.fullmatch(r"predictor-[1-9]\d*", name):
        yield Problem(line, f"service {name}", "a server's name: predictor-1, predictor-2, ...")
    extends = yaml_nodes.entries(keys["extends"].node) if "extends" in keys else {}
    if {key: value.text for key, value in extends.items()} != {
        "file": "predictor.yaml",
        "service": "predictor",
    }:
        yield Problem(
            line,
            f"{name} does not extend the predictor",
            "extends: {file: predictor.yaml, service: predictor}",
        )
    profiles = [item.text for item in yaml_nodes.items(keys["profiles"].node)] if "profiles" in keys else []
    if profiles != [profile]:
        found = f"has the profiles {profiles}" if profiles else "has no profile"
        at = keys["profiles"].line if "profiles" in keys else line
        yield Problem(at, f"{name} {found}", f'profiles: ["{profile}"], the name of the file')
    if text("hostname") != name:
        found = f"has the host name {text('hostname')!r}" if "hostname" in keys else "has no host name"
        yield Problem(line, f"{name} {found}", f"hostname: {name}, which replies carry as X-Served-By")
    if not region(entry):
        yield Problem(line, f"{name} has no region", f"labels: {{{REGION_LABEL}: region-1}}")
    pattern, meaning = MEMORY
    if not re.fullmatch(pattern, text("mem_limit") or "", re.IGNORECASE):
        given = f"mem_limit is {text('mem_limit')!r}" if "mem_limit" in keys else "has no mem_limit"
        yield Problem(keys["mem_limit"].line if "mem_limit" in keys else line, f"{name}: {given}", meaning)
    for key in ("cpu_quota", "cpus"):
        if key in keys:
            yield Problem(keys[key].line, f"{name} has a CPU quota ({key})", QUOTA_INSTEAD)


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
    """Check the server lines against each other and against the services; `key_line` is their key's."""
    if not lines:
        yield Problem(key_line, "no server at all", "at least one server line")
    elif all(line.standby for line in lines):
        yield Problem(
            key_line, "no active server: every weight is 0", "at least one server without 'weight 0'"
        )
    for line in lines:
        yield from _check_line(line, services)
    names = {line.name for line in lines}
    for name, entry in services.items():
        if name not in names:
            yield Problem(
                entry.line,
                f"service {name} has no server line",
                f"'server {name} {name}:{SERVER_PORT} check'",
            )


def _check_line(line: ServerLine, services: Mapping[str, Entry]) -> Iterator[Problem]:
    """Check one server line of the serving backend."""
    if line.name not in services:
        yield Problem(
            line.line, f"no service backs the server {line.name}", f"a service {line.name} in this file"
        )
    address = f"{line.name}:{SERVER_PORT}"
    if line.address != address:
        yield Problem(line.line, f"server {line.name} has the address {line.address}", address)
    if line.weight is None:
        given = line.values.get("weight")
        yield Problem(
            line.line, f"server {line.name} has the weight {given!r}", f"0 (standby) to {MAX_WEIGHT}"
        )
    if "check" not in line.flags:
        yield Problem(line.line, f"server {line.name} is not checked", "the word 'check' in its line")
    for word in sorted(line.flags & {"backup", "disabled"}):
        yield Problem(
            line.line, f"server {line.name} is {word!r}", "'weight 0', so that a standby stays checked"
        )
    if not re.fullmatch(r"[1-9]\d*", line.values.get("maxconn", "")):
        yield Problem(
            line.line, f"server {line.name} has no limit", "maxconn N in its line or in default-server"
        )
