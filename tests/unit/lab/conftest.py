"""What several of the lab's tests need."""

import signal
from collections.abc import Iterator

import pytest

from lab.facts import metrics, validity


@pytest.fixture(autouse=True)
def ctrl_c_counts() -> Iterator[None]:
    """A shell ignores Ctrl-C for what it runs in the background; the tools set it anew."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture(autouse=True)
def no_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """The width of whoever runs the tests is no width of the tools' output."""
    monkeypatch.delenv("COLUMNS", raising=False)


@pytest.fixture
def a_stall_is_no_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    """For runs of so few requests that one stall of a busy machine would make them invalid."""
    monkeypatch.setattr(validity, "LAG_SHARE_MAX_PERCENT", 100.0)
    monkeypatch.setattr(validity, "STALL_MS", 60_000.0)
    monkeypatch.setattr(metrics, "STALL_MS", 60_000.0)
