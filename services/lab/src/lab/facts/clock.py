"""How far two records' clocks may differ, from the records themselves.

All parts run on one host, so their wall clocks are one kernel clock; still the load generator
counts on from its start with the monotonic clock, which the kernel's adjustments do not touch. Each
request bounds the difference: HAProxy cannot have got it before it was sent, nor have ended it
after the client had the reply. HAProxy's time of arrival is in whole milliseconds, rounded down; so
it may really have got it 1 ms later. Without such requests, or where they contradict each other,
nothing is claimed: the difference is unknown.
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
    """HAProxy's clock minus the generator's lies between the two, in ms.

    Without requests both are None.
    """

    at_least_ms: float | None
    at_most_ms: float | None

    @property
    def uncertainty_ms(self) -> float | None:
        """Return by how much a client's time and one of HAProxy's may be apart.

        None where it is unknown.

        Bounds that contradict each other bound nothing: a clock was changed meanwhile, or a record
        is wrong.
        """
        if self.at_least_ms is None or self.at_most_ms is None or self.at_least_ms > self.at_most_ms:
            return None
        return max(abs(self.at_least_ms), abs(self.at_most_ms))

    def of(self, resolution_ms: float) -> float | None:
        """Return how far a time of this resolution may be off; None where it is unknown."""
        return None if self.uncertainty_ms is None else resolution_ms + self.uncertainty_ms

    @property
    def words(self) -> str:
        """Return in words how far the clocks agree, in a sentence without its full stop."""
        clocks = "the clocks of HAProxy and the generator"
        if self.at_least_ms is None or self.at_most_ms is None:
            return f"no request is in both records: how far {clocks} differ is unknown"
        if self.uncertainty_ms is None:
            return (
                f"how far {clocks} differ is unknown: by some requests it is at least "
                f"{self.at_least_ms:.1f} ms, by others at most {self.at_most_ms:.1f} ms"
            )
        within = f"agree within {self.uncertainty_ms:.1f} ms"
        return f"{clocks} {within}, as their records of the same requests show"


def skew(db: duckdb.DuckDBPyConnection) -> Skew:
    """Bound the difference from a ledger (the view `ledger`)."""
    low, high = db.execute(
        """SELECT max(haproxy_end_s - ended_s) * 1000, min(haproxy_start_s - sent_s) * 1000 FROM ledger
           WHERE status > 0 AND haproxy_start_s IS NOT NULL AND NOT retried"""
    ).fetchall()[0]
    return Skew(low, None if high is None else high + HAPROXY_RESOLUTION_MS)
