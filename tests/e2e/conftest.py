"""End to end: whole topologies through `make up`, as a user starts them."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from driver import PROJECT, docker, make, wait_until_steady

ORDER = ["2-active", "3-active", "single", "4-active-2-standby", ""]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run the tests of a topology one after the other: to switch takes some seconds."""
    ours = [item for item in items if item.path.parent == Path(__file__).parent]
    others = [item for item in items if item not in ours]
    items[:] = others + sorted(ours, key=lambda item: ORDER.index(topology_of(item)))


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
    """The topology that the test asks for, started by `make up` and steady."""
    topology: str = request.param
    make("up", TOPOLOGY=topology)
    wait_until_steady()
    return topology
