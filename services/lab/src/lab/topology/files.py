"""Topology files: reads them, and refuses a bad one with the line of each problem.

A topology is one Compose file, `compose/topologies/NAME.yaml`. Its rules, each one checked here:

- the file's name is its topology's name: a-z, 0-9 and `-`; the first comment describes it in one
  line;
- each server is a service `predictor-N` that extends predictor.yaml, belongs to the profile of the
  file's name alone, has its own name as host name, a label hadr.region, a memory limit and no CPU
  quota;
- `services.haproxy.environment.TOPOLOGY_SERVERS` has a `server` line of HAProxy's per service, with
  `check`, a `maxconn`, and the weight that says its role: 0 stands by, more is active (at least one
  is). HAProxy's container makes its two backends from them: the one that serves, and the fallback;
- no name and no key is listed twice; no plain `yes`, `no`, `on` or `off`, which YAML 1.1 takes for
  a boolean.

All problems are found in one reading. No I/O but reading the file; nothing is started.
"""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass
from pathlib import Path

from yaml.nodes import Node

from lab.errors import TopologyError
from lab.topology import rules, servers, yaml_nodes
from lab.topology.servers import Problem, ServerLine
from lab.topology.yaml_nodes import Entry

SERVERS_KEY = "TOPOLOGY_SERVERS"
SHOWN_FOLDER = "compose/topologies"
"""Where the files lie for the person who reads a message; in the lab's container the folder is
another."""

OTHER_SERVICES = ("haproxy", "controller", "docker-proxy", "fault-proxy", "watchdog", "lab")
"""Services of compose.yaml that a topology may adjust beside its servers."""


@dataclass(frozen=True)
class TopologyServer:
    """One server of a topology."""

    name: str
    role: str
    region: str


@dataclass(frozen=True)
class Topology:
    """A topology as its file states it."""

    name: str
    description: str
    servers: tuple[TopologyServer, ...]

    def with_role(self, role: str) -> tuple[TopologyServer, ...]:
        """Return the servers of a role: active or standby."""
        return tuple(server for server in self.servers if server.role == role)

    @property
    def regions(self) -> tuple[str, ...]:
        """Return the regions, sorted, each once."""
        return tuple(sorted({server.region for server in self.servers}))


def names(folder: Path) -> tuple[str, ...]:
    """List the topologies of a folder by name."""
    return tuple(sorted(path.stem for path in folder.glob("*.yaml")))


def find(name_or_file: str, folder: Path) -> Path:
    """Return the file of a topology, given by name or as a file.

    Raise TopologyError with the valid names.
    """
    path = Path(name_or_file)
    if path.suffix in (".yaml", ".yml"):
        for candidate in (path, folder / path.name):
            if candidate.is_file():
                return candidate
    elif name_or_file in names(folder):
        return folder / f"{name_or_file}.yaml"
    known = names(folder)
    close = difflib.get_close_matches(path.stem, known, n=1, cutoff=0.5)
    raise TopologyError(
        f"no topology {name_or_file!r}; expected one of: {', '.join(known) or '(none found)'}",
        cause=f"a typing error: {close[0]!r} comes close" if close else "",
        remedy=f"choose one, or write a new file {SHOWN_FOLDER}/NAME.yaml",
    )


def shown(path: Path, folder: Path) -> str:
    """Return the file's name as the person who reads a message knows it."""
    return f"{SHOWN_FOLDER}/{path.name}" if path.parent == folder else str(path)


def read(path: Path) -> tuple[Topology, tuple[Problem, ...]]:
    """Read a topology file: what it states, as far as readable, and all that is wrong."""
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        return Topology(path.stem, "", ()), (Problem(1, f"not UTF-8 text: {error.reason}", "a YAML file"),)
    except OSError as error:
        raise TopologyError(f"{path} cannot be read: {error.strerror}") from error
    return parse(text, path.name)


def parse(text: str, file_name: str) -> tuple[Topology, tuple[Problem, ...]]:
    """Read a topology from the text of the file of that name."""
    name = file_name.removesuffix(".yaml")
    try:
        root = yaml_nodes.compose(text)
    except yaml_nodes.YamlSyntaxError as error:
        expected = "a YAML mapping with the key 'services'"
        problem = Problem(error.line, f"not valid YAML: {error.what}", expected)
        return Topology(name, _description(text), ()), (problem,)
    problems: list[Problem] = []
    if not re.fullmatch(r"[a-z0-9][a-z0-9-]*\.yaml", file_name):
        problems.append(Problem(1, f"file name {file_name!r}", "a-z, 0-9 and '-', then .yaml"))
    if not _description(text):
        expected = "a comment in the first line: '# What it is, in one line.'"
        problems.append(Problem(1, "no description", expected))
    problems += yaml_nodes.problems(root)
    expected = "a mapping with the servers and haproxy"
    services = yaml_nodes.entries(_child(root, "services", problems, expected))
    predictors = {key: entry for key, entry in services.items() if key not in OTHER_SERVICES}
    for service, entry in predictors.items():
        problems += rules.check_service(service, entry, name)
    lines = _server_lines(services, predictors, problems)
    roles = ("standby" if line.standby else "active" for line in lines)
    regions = (rules.region(predictors.get(line.name)) or "" for line in lines)
    names = (line.name for line in lines)
    placed = tuple(map(TopologyServer, names, roles, regions))
    return Topology(name, _description(text), placed), tuple(sorted(problems, key=lambda item: item.line))


def _description(text: str) -> str:
    """Return the first comment's first line."""
    for line in text.splitlines():
        if line.strip():
            return line.strip().lstrip("#").strip() if line.lstrip().startswith("#") else ""
    return ""


def _child(node: Node | None, key: str, problems: list[Problem], expected: str) -> Node | None:
    """Return the value of a key, which has to be a mapping; None and a problem otherwise."""
    entry = yaml_nodes.entries(node).get(key)
    line = yaml_nodes.line_of(node) if node is not None else 1
    if entry is None:
        problems.append(Problem(line, f"no key {key!r}", expected))
        return None
    if not yaml_nodes.entries(entry.node):
        problems.append(Problem(entry.line, f"{key} is empty or no mapping", expected))
        return None
    return entry.node


def _server_lines(
    services: dict[str, Entry], predictors: dict[str, Entry], problems: list[Problem]
) -> list[ServerLine]:
    """Return HAProxy's server lines of the topology, checked."""
    expected = f"services.haproxy.environment.{SERVERS_KEY}, a block of text ('|') with a line per server"
    haproxy = services.get("haproxy")
    environment = yaml_nodes.entries(haproxy.node).get("environment") if haproxy else None
    entry = yaml_nodes.entries(environment.node).get(SERVERS_KEY) if environment else None
    if entry is None or not (entry.text or "").strip():
        line = entry.line if entry else environment.line if environment else haproxy.line if haproxy else 1
        problems.append(Problem(line, f"no {SERVERS_KEY} for haproxy", expected))
        return []
    lines, wrong = servers.parse(entry.text or "", entry.block_first_line)
    problems += wrong
    problems += rules.check_servers(lines, entry.line, predictors)
    return lines
