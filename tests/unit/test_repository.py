"""The repository keeps its own rules.

Sizes, links, make targets, pins, rights, no trace of one machine.
"""

import ast
import dataclasses
import fnmatch
import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from controller.model import Policy
from lab.settings import CHAOS, LOADTEST, SETTINGS
from lab.topology import files as topology
from lab.topology import yaml_nodes

ROOT = Path(__file__).resolve().parents[2]
MODULE_LINES_MAX, FUNCTION_LINES_MAX = 399, 69
IGNORED = [".git", *(line.rstrip("/") for line in (ROOT / ".gitignore").read_text(encoding="utf-8").split())]


def files() -> Iterator[Path]:
    """Yield the repository's files; what .gitignore names is not of it."""
    for folder, folders, names in os.walk(ROOT):
        folders[:] = [name for name in folders if not _ignored(name)]
        yield from (Path(folder) / name for name in sorted(names) if not _ignored(name))


def _ignored(name: str) -> bool:
    return any(fnmatch.fnmatch(name, pattern) for pattern in IGNORED)


FILES = sorted(path for path in files() if path.suffix != ".png")  # what can be read as text
SOURCES = [path for path in FILES if path.suffix == ".py"]
MARKDOWN = [path for path in FILES if path.suffix == ".md"]
SCRIPTS = [path for path in FILES if path.suffix == ".sh" or path == ROOT / ".ci/run"]
REQUIREMENTS = [path for path in FILES if fnmatch.fnmatch(path.name, "requirements*.in")]
TOPOLOGIES = sorted((ROOT / "compose/topologies").glob("*.yaml"))


def shown(path: Path) -> str:
    return str(path.relative_to(ROOT))


def read(path: Path) -> str:
    assert path.is_file(), f"{shown(path)} is missing"
    return path.read_text(encoding="utf-8")


def lines_with(pattern: str, paths: list[Path]) -> Iterator[tuple[str, str]]:
    """Yield where a pattern is found (file:line) and what it matched."""
    for path in paths:
        for number, line in enumerate(read(path).splitlines(), start=1):
            for match in re.finditer(pattern, line):
                yield f"{shown(path)}:{number}", match.group(match.lastindex or 0)


# --- sizes ---


def test_each_module_and_script_is_short() -> None:
    """Tables of cases may be longer: the limit is for code that is read as a whole."""
    paths = [path for path in SOURCES if not path.name.startswith("test_")] + SCRIPTS
    long = {shown(path): n for path in paths if (n := len(read(path).splitlines())) > MODULE_LINES_MAX}
    assert not long, f"more than {MODULE_LINES_MAX} lines: {long}"


def test_each_function_is_short() -> None:
    long = {}
    for path in SOURCES:
        for node in ast.walk(ast.parse(read(path))):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                length = (node.end_lineno or node.lineno) - node.lineno + 1
                if length > FUNCTION_LINES_MAX:
                    long[f"{shown(path)}: {node.name}"] = length
    assert not long, f"more than {FUNCTION_LINES_MAX} lines: {long}"


# --- nothing of one machine ---

# Hosts that are parts of the lab, this machine itself, or placeholders.
HOSTS = (
    r"haproxy|controller|docker-proxy|fault-proxy|watchdog|predictor(-\d+)?"
    r"|127\.0\.0\.1|0\.0\.0\.0|localhost|host|x"
)
# Pages to be read; nothing is fetched from them.
PAGES = r"(?:\w+\.)?github\.com|(?:\w+\.)?haproxy\.org|docs\.docker\.com"


def test_no_file_names_a_folder_of_one_machine() -> None:
    found = list(lines_with(r"(?<![\w.$})/-])/(?:work|home|Users|mnt|media)/\w+", FILES))
    assert not found, f"paths that are another machine's business: {found}"


def test_no_url_leads_to_a_registry_or_a_mirror() -> None:
    """Where packages and images come from is the machine's own configuration."""
    allowed = re.compile(rf"(?:{HOSTS}|{PAGES})")
    urls = lines_with(r"\b[a-z][a-z+]*://([\w.\\-]+)", FILES)
    found = [(where, host) for where, host in urls if not allowed.fullmatch(host.replace("\\", ""))]
    assert not found, f"hosts that are neither the lab's nor pages to be read: {found}"


def test_no_host_of_the_internet_is_named_in_what_builds_and_runs_the_lab() -> None:
    """Without a scheme too, as in an image's name; docker.io is the name of Debian's package."""
    paths = [path for path in FILES if path.suffix not in (".py", ".md")]
    names = lines_with(r"(?<![\w.@-])((?:[a-z0-9-]+\.)+(?:org|com|net|io|dev|cloud))(?![\w.-])", paths)
    found = [(where, host) for where, host in names if host != "docker.io"]
    assert not found, f"hosts of the internet: {found}"


@pytest.mark.parametrize("path", REQUIREMENTS, ids=shown)
def test_each_python_package_is_pinned_by_hash(path: Path) -> None:
    locked = path.with_suffix(".txt")
    text = read(locked).replace("\\\n", " ")
    requirements = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    assert requirements, f"{shown(locked)} is empty"
    for line in requirements:
        assert re.match(r"[A-Za-z0-9._\[\],-]+==\S+ ", line), (
            f"{shown(locked)}: not pinned to a version: {line[:80]}"
        )
        assert "--hash=sha256:" in line, f"{shown(locked)}: without a hash: {line[:80]}"
        assert "://" not in line, f"{shown(locked)}: an address: {line[:80]}"
    pinned = {_package(line) for line in requirements}
    asked = {_package(line) for line in read(path).splitlines() if re.match(r"[A-Za-z0-9]", line)}
    assert asked <= pinned, f"{shown(locked)} is older than {path.name}: it lacks {sorted(asked - pinned)}"


def _package(line: str) -> str:
    name = re.match(r"[A-Za-z0-9._-]+", line)
    assert name, f"not a requirement: {line[:80]}"
    return re.sub(r"[-_.]+", "-", name.group()).lower()


def test_each_image_is_built_from_the_one_base_image_or_a_stage() -> None:
    for path in (path for path in FILES if path.name == "Dockerfile"):
        text = read(path)
        stages = set(re.findall(r"^FROM \S+ AS (\S+)$", text, flags=re.MULTILINE))
        bases = set(re.findall(r"^FROM (\S+)", text, flags=re.MULTILINE))
        assert bases <= {"${BASE_IMAGE}", *stages}, f"{shown(path)} builds on {bases}"
        assert re.search(r"^USER (hadr|10001)", text, flags=re.MULTILINE), f"{shown(path)} runs as root"


# --- what runs ---


def services(path: Path) -> dict[str, dict[str, yaml_nodes.Entry]]:
    node = yaml_nodes.entries(yaml_nodes.compose(read(path)))["services"].node
    return {name: yaml_nodes.entries(entry.node) for name, entry in yaml_nodes.entries(node).items()}


def texts(service: dict[str, yaml_nodes.Entry], key: str) -> list[str]:
    """Return a list of a service as texts; empty where it is missing."""
    return [item.text or "" for item in yaml_nodes.items(service[key].node)] if key in service else []


BASE = services(ROOT / "compose/compose.yaml")
PREDICTOR = services(ROOT / "compose/predictor.yaml")


@pytest.mark.parametrize("name", [*BASE, *PREDICTOR])
def test_each_container_has_no_more_rights_than_it_needs(name: str) -> None:
    service = (BASE | PREDICTOR)[name]
    assert (service["image"].text or "").startswith("hadr-lab/"), f"{name}: an image that is not the lab's"
    assert service["read_only"].text == "true", f"{name}: its root file system can be written"
    assert texts(service, "cap_drop") == ["ALL"], f"{name}: keeps capabilities"
    assert "no-new-privileges:true" in texts(service, "security_opt"), f"{name}: may gain privileges"
    assert service["user"].text not in (None, "", "0", "root"), f"{name}: runs as root"
    assert all(port.startswith("127.0.0.1:") for port in texts(service, "ports")), (
        f"{name}: open to the network"
    )
    holds_socket = any(volume.endswith("docker.sock") for volume in texts(service, "volumes"))
    assert holds_socket == name.endswith("-proxy"), f"{name}: only the two filters hold Docker's socket"


LAB_ENVIRONMENT = yaml_nodes.entries(BASE["lab"]["environment"].node)


@pytest.mark.parametrize("group", [LOADTEST, CHAOS])
def test_each_variable_of_a_measurement_reaches_the_lab_as_it_is(group: str) -> None:
    passed_on = {name for name, entry in LAB_ENVIRONMENT.items() if entry.text == ""}
    wanted = {setting.env for setting in SETTINGS if setting.group == group}
    assert wanted <= passed_on, f"compose.yaml does not pass on to the lab: {sorted(wanted - passed_on)}"


def test_the_lab_is_given_no_variable_that_it_does_not_know() -> None:
    unknown = set(LAB_ENVIRONMENT) - {setting.env for setting in SETTINGS}
    assert not unknown, f"compose.yaml gives the lab what no setting reads: {sorted(unknown)}"


def test_the_controllers_policy_reaches_it_where_it_is_set() -> None:
    given = yaml_nodes.entries(BASE["controller"]["environment"].node)
    passed_on = {name for name, entry in given.items() if entry.text == ""}
    assert passed_on == {f"CONTROLLER_{each.name.upper()}" for each in dataclasses.fields(Policy)}


@pytest.mark.parametrize("path", TOPOLOGIES, ids=lambda path: path.stem)
def test_each_topology_is_a_good_one(path: Path) -> None:
    found, problems = topology.read(path)
    assert not problems, [f"{shown(path)}:{each.line}: {each.what}" for each in problems]
    assert found.with_role("active"), f"{shown(path)}: no active server"
    assert found.description, f"{shown(path)}: the first line has to describe it"
    servers = {name for name in services(path) if name.startswith("predictor-")}
    assert servers == {server.name for server in found.servers}


# --- what a reader meets ---


@pytest.mark.parametrize("path", SCRIPTS, ids=shown)
def test_each_script_can_be_run_and_says_what_it_does(path: Path) -> None:
    text = read(path)
    sourced = "# shellcheck shell=bash" in text
    copied = path.parent == ROOT / "haproxy"  # its mode is set where the image is built
    assert sourced or copied or os.access(path, os.X_OK), f"{shown(path)} is not executable"
    assert sourced or "set -euo pipefail" in text, f"{shown(path)} goes on after an error"
    assert re.match(r"(#!.*\n)?# \S", text), (
        f"{shown(path)} does not begin with a comment that says what it does"
    )


@pytest.mark.parametrize("name", ["README.md", "CHANGELOG.md"])
def test_a_reader_finds_what_is_expected_at_the_top(name: str) -> None:
    assert read(ROOT / name).startswith("# "), f"{name} has to begin with its title"


def test_no_page_has_a_place_that_is_still_to_be_filled_in() -> None:
    found = list(lines_with(r"@[A-Z_]+@|\bTODO\b|\bTBD\b|\bFIXME\b", MARKDOWN))
    assert not found, f"not written yet: {found}"


def anchors(path: Path) -> set[str]:
    """Return the anchors of a page's headings, made as GitHub makes them."""
    headings = re.findall(r"^#+ (.*)$", read(path), flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("path", MARKDOWN, ids=shown)
def test_each_relative_link_leads_somewhere(path: Path) -> None:
    text = re.sub(r"```.*?```", "", read(path), flags=re.DOTALL)
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if re.match(r"[a-z]+:", target):
            continue
        name, _, anchor = target.partition("#")
        there = (path.parent / name).resolve() if name else path
        assert there.exists(), f"{shown(path)} links to {target}, which does not exist"
        assert not anchor or anchor in anchors(there), f"{shown(path)} links to {target}: no such heading"


def targets() -> dict[str, str]:
    """Map each target of the Makefile to its comment, empty where there is none."""
    text = read(ROOT / "Makefile")
    names = {
        *re.findall(r"^\.PHONY: *(\S+)", text, re.MULTILINE),
        *re.findall(r"^([\w-]+):", text, re.MULTILINE),
    }
    comments = dict(re.findall(r"^([\w-]+):[^\n]*?## *(\S[^\n]*)$", text, re.MULTILINE))
    return {name: comments.get(name, "") for name in names}


def test_each_make_target_says_what_it_does() -> None:
    silent = sorted(name for name, comment in targets().items() if not comment)
    assert not silent, f"Makefile: targets without a ## comment: {silent}"


@pytest.mark.parametrize("path", MARKDOWN, ids=shown)
def test_each_make_target_that_a_page_names_exists(path: Path) -> None:
    text = read(path)
    code = re.findall(r"`([^`\n]+)`", text) + re.findall(r"^ {4}(.*)$", text, re.MULTILINE)
    code += [
        line for block in re.findall(r"```\w*\n(.*?)```", text, re.DOTALL) for line in block.splitlines()
    ]
    command = r"(?:^|&& |; )\s*(?:\$ )?(?:[A-Z_]+=(?:\"[^\"]*\"|\S*) )*make ([a-z][a-z-]*)"
    unknown = {name for line in code for name in re.findall(command, line)} - set(targets())
    assert not unknown, f"{shown(path)} names make targets that do not exist: {sorted(unknown)}"
