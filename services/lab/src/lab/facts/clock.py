"""How far two records' clocks may differ, from the records themselves.

All parts run on one host, so their wall clocks are one kernel clock; still the load generator counts on from
its start with the monotonic clock, which the kernel's adjustments do not touch. Each request bounds the
difference: HAProxy cannot have got it before it was sent, nor have ended it after the client had the reply.
HAProxy's time of arrival is in whole milliseconds, rounded down; so it may really have got it 1 ms later.
"""

from __future__ import annotations

from dataclasses import dataclass

import duckdb

HAPROXY_RESOLUTION_MS = 1.0
"""HAProxy's times and timers are in whole milliseconds, rounded down."""
JOURNAL_RESOLUTION_MS = 1.0
"""The controller writes an entry when its event loop gets to it."""
CLIENT_RESOLUTION_MS = 1.0
"""The generator notes an end when its event loop gets to it."""


@dataclass(frozen=True)
class Skew:
    """HAProxy's clock minus the generator's lies between the two, in ms; without requests both are None."""

    at_least_ms: float | None
    at_most_ms: float | None

    @property
    def contradictory(self) -> bool:
        """The requests bound nothing: one of the clocks was changed among them, or a record is wrong."""
        return (
            self.at_least_ms is not None
            and self.at_most_ms is not None
            and self.at_least_ms > self.at_most_ms
        )

    @property
    def uncertainty_ms(self) -> float:
        """Return by how much a client's time and one of HAProxy's may be apart, at most."""
        if self.at_least_ms is None or self.at_most_ms is None:
            return CLIENT_RESOLUTION_MS
        return max(CLIENT_RESOLUTION_MS, abs(self.at_least_ms), abs(self.at_most_ms))


def skew(db: duckdb.DuckDBPyConnection) -> Skew:
    """Bound the difference from a ledger (the view `ledger`)."""
    low, high = db.execute(
        """SELECT max(haproxy_end_s - ended_s) * 1000, min(haproxy_start_s - sent_s) * 1000 FROM ledger
           WHERE status > 0 AND haproxy_start_s IS NOT NULL AND NOT retried"""
    ).fetchall()[0]
    return Skew(low, None if high is None else high + HAPROXY_RESOLUTION_MS)
