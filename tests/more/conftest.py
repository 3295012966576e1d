"""What takes too long for every change: `make test-more`."""

from collections.abc import Iterator

import pytest

from driver import SHIPPED, make, wait_until_steady


@pytest.fixture(scope="session")
def two_active() -> Iterator[None]:
    """2-active with the service times and the policy that are shipped."""
    make("up", TOPOLOGY="2-active", given=SHIPPED)
    wait_until_steady()
    yield
    make("down")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Show what each scenario said.

    A machine that is too busy leaves a test green and a scenario invalid.
    """
    reports = (report for outcome in ("passed", "failed") for report in terminalreporter.getreports(outcome))
    for report in reports:
        for name, said in report.user_properties:
            terminalreporter.write_line(f"{name}: {said}")
