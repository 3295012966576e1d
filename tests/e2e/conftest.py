"""End to end: whole topologies through `make up`, as a user starts them."""

from collections.abc import Iterator

import pytest

from driver import PROJECT, docker, make, wait_until_steady


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
