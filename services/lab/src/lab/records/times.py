"""Times as people read them."""

from datetime import UTC, datetime


def clock(at: float) -> str:
    """Return an epoch time as UTC time of day, to the millisecond."""
    return datetime.fromtimestamp(at, UTC).strftime("%H:%M:%S.%f")[:-3]
