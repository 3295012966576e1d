"""Integration: the real HAProxy and real predictors, without the controller."""

from collections.abc import Iterator

import pytest

from driver import compose, eventually, stats


def up_servers() -> set[str]:
    return {
        name for name, row in stats().items() if name.startswith("predictors/p") and row["status"] == "UP"
    }


@pytest.fixture(scope="module")
def traffic_parts() -> Iterator[None]:
    """2-active with HAProxy and its predictors alone: what works here needs no controller."""
    services = "haproxy predictor-1 predictor-2 predictor-3"
    compose("--profile tools down --volumes --remove-orphans", "2-active")
    compose(f"up -d --no-build {services}", "2-active")
    eventually(lambda: len(up_servers()) == 3, 60, "three healthy servers")
    yield
    compose("down --volumes", "2-active")


@pytest.fixture
def all_up(traffic_parts: None) -> None:
    """Every server is started and healthy again, whatever the test before did."""
    if len(up_servers()) < 3:
        compose("start predictor-1 predictor-2 predictor-3", "2-active")
    eventually(lambda: len(up_servers()) == 3, 60, "three healthy servers")
