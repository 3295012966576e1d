"""The rules of topology files, each one check that names the line, what is wrong and what was expected.

topology.py states them in words. Pure: from what was read to problems.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from lab.topology import stanza, yaml_nodes
from lab.topology.stanza import FALLBACK, PREDICTORS, Backend, Problem, ServerLine
from lab.topology.yaml_nodes import Entry

REGION_LABEL = "hadr.region"
SERVER_PORT = 8000

SIZES = (
    ("cpu_period", r"[1-9]\d{3,6}", "a CFS period in us such as 10000"),
    ("cpu_quota", r"[1-9]\d{3,7}", "a CPU quota in us per period such as 3000"),
    ("mem_limit", r"[1-9]\d*[bkmg]b?", "a memory limit such as 256m"),
)


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
    for key, pattern, meaning in SIZES:
        if not re.fullmatch(pattern, text(key) or "", re.IGNORECASE):
            found = f"{key} is {text(key)!r}" if key in keys else f"has no {key}"
            yield Problem(keys[key].line if key in keys else line, f"{name}: {found}", meaning)


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


def check_backends(backends: dict[str, Backend], services: dict[str, Entry]) -> Iterator[Problem]:
    """Check the backends against each other and against the services."""
    serving = backends.get(PREDICTORS)
    if serving is None:
        return
    lines = {line.name: line for line in serving.servers}
    if not lines:
        yield Problem(serving.line, f"no server in backend {PREDICTORS}", "at least one server line")
    elif all(line.standby for line in serving.servers):
        yield Problem(
            serving.line, "no active server: every weight is 0", "at least one server without 'weight 0'"
        )
    for line in serving.servers:
        yield from _check_line(line, services)
    for name, entry in services.items():
        if name not in lines:
            yield Problem(
                entry.line,
                f"service {name} has no server line in backend {PREDICTORS}",
                f"'server {name} {name}:{SERVER_PORT} check'",
            )
    if FALLBACK in backends:
        yield from _check_fallback(backends[FALLBACK], lines)


def _check_line(line: ServerLine, services: dict[str, Entry]) -> Iterator[Problem]:
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
            line.line, f"server {line.name} has the weight {given!r}", f"0 (standby) to {stanza.MAX_WEIGHT}"
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


def _check_fallback(fallback: Backend, serving: dict[str, ServerLine]) -> Iterator[Problem]:
    """Check that the fallback has the same servers, each of which tracks its own line."""
    there = {line.name: line for line in fallback.servers}
    for name in serving:
        if name not in there:
            expected = f"'server {name} {name}:{SERVER_PORT} track {PREDICTORS}/{name}'"
            yield Problem(fallback.line, f"backend {FALLBACK} lacks {name}", expected)
    for name, line in there.items():
        target = f"{PREDICTORS}/{name}"
        if name not in serving:
            yield Problem(line.line, f"{name} is in {FALLBACK} only", f"the same servers as in {PREDICTORS}")
        elif line.values.get("track") != target or line.address != f"{name}:{SERVER_PORT}":
            yield Problem(
                line.line, f"{name} in {FALLBACK} tracks the wrong server or none", f"track {target}"
            )
