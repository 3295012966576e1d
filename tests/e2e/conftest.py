"""End to end: whole topologies through `make up`, as a user starts them."""

from collections.abc import Iterator

import httpx
import pytest

from driver import PROJECT, docker, make, state, wait_until_steady

FILES = [
    *("test_experiments", "test_failover", "test_haproxy", "test_docker_proxy", "test_refusals"),
    *("test_report_browser", "test_scenarios", "test_commands"),
]
"""Where several processes run the tests, each takes the next file: in this order they end at about
the same time, and few that measure come side by side."""
TOPOLOGIES = ["2-active", "9-active", "4-active-2-standby", "3-active", "single", ""]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run the tests of a topology in a row: to switch takes some seconds."""
    items.sort(key=place)


def place(item: pytest.Item) -> tuple[int, int]:
    """Where a test stands in the order."""
    return FILES.index(item.path.stem), TOPOLOGIES.index(topology_of(item))


def topology_of(item: pytest.Item) -> str:
    """The topology that a test asks for; empty if it needs none."""
    parameters = getattr(item, "callspec", None)
    return str(parameters.params.get("up", "")) if parameters else ""


@pytest.fixture(scope="session", autouse=True)
def lab_is_gone_at_the_end() -> Iterator[None]:
    yield
    make("down")
    left = docker("ps", "-aq", "--filter", f"label=com.docker.compose.project={PROJECT}")
    left += docker("network", "ls", "-q", "--filter", f"label=com.docker.compose.project={PROJECT}")
    left += docker("volume", "ls", "-q", "--filter", f"label=com.docker.compose.project={PROJECT}")
    assert left == "", "make down leaves nothing behind"


@pytest.fixture
def up(request: pytest.FixtureRequest) -> str:
    """The topology that the test asks for, steady; `make up` unless the test before left it so."""
    topology: str = request.param
    if not still_up(topology):
        make("up", TOPOLOGY=topology)
        wait_until_steady()
    return topology


def still_up(topology: str) -> bool:
    """Return whether this topology runs and is steady, or soon is."""
    try:
        if state()["topology"] != topology:
            return False
        wait_until_steady(15)
    except (httpx.HTTPError, AssertionError):
        return False
    return True
