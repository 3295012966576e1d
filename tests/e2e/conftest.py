"""End to end: whole topologies through `make up`, as a user starts them."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from driver import PROJECT, docker, make, state, wait_until_steady

ORDER = ["2-active", "9-active", "4-active-2-standby", "3-active", "single", ""]


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run the tests of a topology one after the other: to switch takes some seconds.

    Where several processes run them, each gets a topology, or a file of the one with most of the tests; who
    is done gets the next. What takes longest comes first.
    """
    ours = [item for item in items if item.path.parent == Path(__file__).parent]
    others = [item for item in items if item not in ours]
    items[:] = sorted(ours, key=lambda item: ORDER.index(topology_of(item))) + others
    for item in ours:
        topology = topology_of(item)
        share = item.path.stem if topology in {ORDER[0], ""} else ""
        item.add_marker(pytest.mark.xdist_group(f"{topology} {share}".strip().replace(" ", "-")))


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
    """Whether this topology runs and is steady, or soon is."""
    try:
        if state()["topology"] != topology:
            return False
        wait_until_steady(15)
    except (httpx.HTTPError, AssertionError):
        return False
    return True
