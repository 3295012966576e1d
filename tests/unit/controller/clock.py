"""A clock that the test moves."""


class Clock:
    """Monotonic when called; `wall` is the same moment in epoch seconds."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now

    def wall(self) -> float:
        return 1_700_000_000.0 + self.now
