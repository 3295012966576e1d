"""Topology files: what is read from a good one, and what is said of each kind of bad one."""

import argparse
from pathlib import Path

import pytest

from lab.commands import check, topologies
from lab.commands import topology as command
from lab.errors import TopologyError
from lab.settings import Settings
from lab.topology import files as topology
from lab.topology import writer
from lab.topology.files import TopologyServer

TOPOLOGIES = Path(__file__).resolve().parents[3] / "compose" / "topologies"

GOOD = """\
# Two servers share the load; a third stands by.
x-predictor: &predictor
  extends: {file: predictor.yaml, service: predictor}
  profiles: ["two"]
  mem_limit: 256m

services:
  predictor-1: {<<: *predictor, hostname: predictor-1, labels: {hadr.region: region-1}}
  predictor-2: {<<: *predictor, hostname: predictor-2, labels: ["hadr.region=region-1"]}
  predictor-3: {<<: *predictor, hostname: predictor-3, labels: {hadr.region: region-2}}
  haproxy:
    environment:
      TOPOLOGY_SERVERS: |
        default-server maxconn 10
        server predictor-1 predictor-1:8000 check weight 100
        server predictor-2 predictor-2:8000 check

        server predictor-3 predictor-3:8000 check weight 0 # standby
"""

# Each row: what is wrong, the text replaced in GOOD, its replacement, and words of the problem with
# its line.
BAD = [
    ("bad syntax", 'profiles: ["two"]', 'profiles: ["two"', "5: not valid YAML: expected ',' or ']'"),
    ("a tab", "  mem_limit", "\tmem_limit", "5: not valid YAML: found character '\\t'"),
    (
        "an unknown anchor",
        "*predictor, hostname: predictor-1",
        "*server, hostname: predictor-1",
        "8: not valid",
    ),
    ("no services", "services:", "servers:", "2: no key 'services'; expected a mapping"),
    (
        "no description",
        "# Two servers share the load; a third stands by.\n",
        "",
        "1: no description; expected a comment",
    ),
    (
        "no servers",
        "TOPOLOGY_SERVERS",
        "SERVERS",
        "12: no TOPOLOGY_SERVERS for haproxy; expected services.haproxy",
    ),
    (
        "a key twice",
        "  mem_limit: 256m\n",
        "  mem_limit: 256m\n  mem_limit: 2g\n",
        "6: mem_limit is listed twice, first in line 5",
    ),
    (
        "a service twice",
        "  predictor-2: {",
        "  predictor-1: {",
        "9: predictor-1 is listed twice, first in line 8",
    ),
    (
        "a word that is a boolean in YAML 1.1 alone",
        "  mem_limit: 256m\n",
        "  mem_limit: 256m\n  tty: yes\n",
        '6: yes is a boolean to some readers of YAML and a text to others; expected true, false, or "yes"',
    ),
    (
        "a server twice",
        "server predictor-2 predictor-2:8000 check",
        "server predictor-1 predictor-1:8000 check",
        "16: server predictor-1 is listed twice, first in line 15; expected each server once",
    ),
    (
        "no active server",
        "default-server maxconn 10\n        server predictor-1 predictor-1:8000 check weight 100",
        "default-server maxconn 10 weight 0\n        server predictor-1 predictor-1:8000 check",
        "13: no active server: every weight is 0; expected at least one server without 'weight 0'",
    ),
    (
        "a server without a service",
        "  predictor-2: {<<",
        "  predictor-4: {<<",
        "16: no service backs the server predictor-2",
    ),
    (
        "a service without a server",
        "  predictor-2: {<<",
        "  predictor-4: {<<",
        "9: service predictor-4 has no server line",
    ),
    (
        "a service that is no predictor",
        "  predictor-2: {<<",
        "  predicter-2: {<<",
        "9: service predicter-2; expected a serv",
    ),
    (
        "another profile",
        '["two"]',
        '["three"]',
        "4: predictor-1 has the profiles ['three']; expected profiles: [\"two\"]",
    ),
    ("no profile", '  profiles: ["two"]\n', "", "7: predictor-1 has no profile; expected profiles"),
    (
        "no extends",
        "  extends: {file: predictor.yaml, service: predictor}\n",
        "",
        "7: predictor-1 does not extend",
    ),
    (
        "no host name",
        "hostname: predictor-2, ",
        "",
        "9: predictor-2 has no host name; expected hostname: predictor-2",
    ),
    (
        "another host name",
        "hostname: predictor-2",
        "hostname: predictor-1",
        "9: predictor-2 has the host name 'predictor-1'",
    ),
    ("no region", ', labels: ["hadr.region=region-1"]', "", "9: predictor-2 has no region; expected labels"),
    (
        "a CPU quota",
        "  mem_limit: 256m\n",
        "  mem_limit: 256m\n  cpu_quota: 3000\n",
        "6: predictor-1 has a CPU quota (cpu_quota); expected environment: {PREDICTOR_SLOTS",
    ),
    (
        "a share of CPUs",
        "  mem_limit: 256m\n",
        "  mem_limit: 256m\n  cpus: 0.3\n",
        "6: predictor-1 has a CPU quota (cpus); expected environment: {PREDICTOR_SLOTS",
    ),
    (
        "no memory limit",
        "  mem_limit: 256m\n",
        "",
        "7: predictor-1 has no mem_limit; expected a memory limit",
    ),
    (
        "no check",
        "server predictor-2 predictor-2:8000 check",
        "server predictor-2 predictor-2:8000",
        "16: server predictor-2 is not c",
    ),
    (
        "a bad weight",
        "weight 100",
        "weight heavy",
        "15: server predictor-1 has the weight 'heavy'; expected 0 (standby) to 256",
    ),
    ("too large a weight", "weight 100", "weight 257", "15: server predictor-1 has the weight '257'"),
    ("a weight without number", "weight 0 # standby", "weight", "18: server predictor-3 has the weight ''"),
    (
        "a backup server",
        "check weight 0",
        "check backup",
        "18: server predictor-3 is 'backup'; expected 'weight 0'",
    ),
    (
        "another address",
        "predictor-2:8000 check",
        "predictor-1:8000 check",
        "16: server predictor-2 has the address predictor-1:8000",
    ),
    (
        "a server without address",
        "predictor-2 predictor-2:8000 check",
        "predictor-2",
        "16: server line 'server predictor-2'",
    ),
    (
        "a backend of its own",
        "        default-server maxconn 10",
        "        backend fallback",
        "14: 'backend' is not a server line; expected a line 'server ...'",
    ),
]


def said(text: str, file_name: str = "two.yaml") -> list[str]:
    _, problems = topology.parse(text, file_name)
    return [f"{problem.line}: {problem.what}; expected {problem.expected}" for problem in problems]


def test_a_good_file_is_read_with_roles_and_regions() -> None:
    """Labels may be a mapping or a list; weight 0 makes the standby."""
    found, problems = topology.parse(GOOD, "two.yaml")
    assert problems == ()
    assert found.description == "Two servers share the load; a third stands by."
    assert found.servers == (
        TopologyServer("predictor-1", "active", "region-1"),
        TopologyServer("predictor-2", "active", "region-1"),
        TopologyServer("predictor-3", "standby", "region-2"),
    )
    assert found.regions == ("region-1", "region-2")


@pytest.mark.parametrize(("old", "new", "words"), [row[1:] for row in BAD], ids=[row[0] for row in BAD])
def test_a_bad_file_is_refused_with_line_and_expectation(old: str, new: str, words: str) -> None:
    """Each kind of mistake is named with its line and what was expected."""
    assert old in GOOD
    problems = said(GOOD.replace(old, new, 1))
    assert any(problem.startswith(words) for problem in problems), problems


@pytest.mark.parametrize("default", ["default-server maxconn 10", "default-server maxconn 0"])
def test_a_server_needs_a_limit(default: str) -> None:
    """Without maxconn, or with none in effect, HAProxy would send any number of requests."""
    text = GOOD.replace("default-server maxconn 10", default if default.endswith("maxconn 0") else "", 1)
    assert "15: server predictor-1 has no limit; expected maxconn N in its line or in default-server" in said(
        text
    )


def test_no_server_at_all_is_refused() -> None:
    """A backend without a line serves nobody."""
    lines = [line for line in GOOD.splitlines() if "8000 check" not in line]
    assert any("no server at all" in problem for problem in said("\n".join(lines)))


def test_an_empty_file_is_refused() -> None:
    """An empty file is YAML, and no topology."""
    assert any("no key 'services'" in problem for problem in said(""))


@pytest.mark.parametrize("name", ["Two.yaml", "two servers.yaml", "-two.yaml"])
def test_a_file_name_is_also_a_profile_and_part_of_a_folder_name(name: str) -> None:
    """Other characters than a-z, 0-9 and hyphens are refused."""
    assert any("file name" in problem for problem in said(GOOD, name))


def test_all_problems_are_said_at_once_in_the_order_of_lines(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """One reading finds them all; the status is 2, and each line begins with file and line."""
    text = GOOD.replace("hostname: predictor-1, ", "").replace("check weight 100", "weight 999")
    (tmp_path / "two.yaml").write_text(text)
    assert check.run(argparse.Namespace(topology="two"), Settings(topologies_dir=tmp_path)) == 2
    lines = capsys.readouterr().err.splitlines()
    assert [line.split(" ", 1)[0] for line in lines] == [
        "compose/topologies/two.yaml:8:",
        "compose/topologies/two.yaml:15:",
        "compose/topologies/two.yaml:15:",
    ]
    assert all("; expected " in line for line in lines)


def test_a_file_that_is_no_text_is_refused(tmp_path: Path) -> None:
    """Bytes that are not UTF-8 are a problem of the file, not an error of the tool."""
    (tmp_path / "two.yaml").write_bytes(b"\xff\xfe\x00")
    _, problems = topology.read(tmp_path / "two.yaml")
    assert "not UTF-8" in problems[0].what


def test_a_good_file_is_passed_in_silence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Status 0 and no output, by name and by file."""
    path = tmp_path / "two.yaml"
    path.write_text(GOOD)
    for given in ("two", str(path)):
        assert check.run(argparse.Namespace(topology=given), Settings(topologies_dir=tmp_path)) == 0
    assert capsys.readouterr() == ("", "")


def test_an_unknown_name_lists_the_valid_ones_and_the_closest(tmp_path: Path) -> None:
    """A typing error is answered with what could have been meant."""
    for name in ("single", "2-active", "3-active"):
        (tmp_path / f"{name}.yaml").write_text(GOOD)
    with pytest.raises(TopologyError) as caught:
        topology.find("3-activ", tmp_path)
    assert "expected one of: 2-active, 3-active, single" in caught.value.what
    assert "'3-active' comes close" in caught.value.cause


def test_the_lists_of_topologies_names_servers_regions_and_description(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A line per file; a bad file is listed as bad instead of hidden."""
    (tmp_path / "two.yaml").write_text(GOOD)
    (tmp_path / "broken.yaml").write_text("services: [")
    assert topologies.run(argparse.Namespace(), Settings(topologies_dir=tmp_path)) == 0
    output = capsys.readouterr().out
    assert "2 active + 1 standby" in output
    assert "region-1, region-2" in output
    assert "Two servers share the load" in output
    assert "BAD FILE" in output


@pytest.mark.parametrize("path", sorted(TOPOLOGIES.glob("*.yaml")), ids=lambda path: str(path.stem))
def test_the_labs_own_topologies_are_good(path: Path) -> None:
    """The files in the repository pass their own check."""
    _, problems = topology.read(path)
    assert problems == ()


@pytest.mark.parametrize(("active", "standby"), [(1, 0), (2, 0), (2, 1), (3, 0), (1, 1), (19, 1)])
def test_a_written_file_is_a_good_one_and_states_what_was_asked(active: int, standby: int) -> None:
    found, problems = topology.parse(writer.text("own", active, standby), "own.yaml")
    assert problems == ()
    assert (len(found.with_role("active")), len(found.with_role("standby"))) == (active, standby)
    if active + standby > 1:
        assert len(found.regions) == 2, "no topology of two servers or more dies with one region"


@pytest.mark.parametrize(
    ("name", "active", "standby", "words"),
    [
        ("Own", "2", "0", "NAME=Own: expected lower-case letters"),
        ("own", "0", "0", "ACTIVE=0: expected a number of servers from 1"),
        ("own", "two", "0", "ACTIVE=two: expected a number"),
        ("own", "2", "-1", "STANDBY=-1: expected a number"),
        ("own", "20", "1", "21 servers: expected 20 at the most"),
    ],
)
def test_a_file_that_cannot_be_written_is_refused_before_anything_is(
    tmp_path: Path, name: str, active: str, standby: str, words: str
) -> None:
    args = argparse.Namespace(name=name, active=active, standby=standby)
    with pytest.raises(TopologyError, match=words):
        command.run(args, Settings(topologies_dir=tmp_path))
    assert not list(tmp_path.iterdir())


def test_a_file_that_exists_is_left_alone(tmp_path: Path) -> None:
    args = argparse.Namespace(name="own", active="2", standby="0")
    assert command.run(args, Settings(topologies_dir=tmp_path)) == 0
    (tmp_path / "own.yaml").write_text("mine")
    with pytest.raises(TopologyError, match="exists"):
        command.run(args, Settings(topologies_dir=tmp_path))
    assert (tmp_path / "own.yaml").read_text() == "mine"
