"""What became of a request.

One classification for the load test, an experiment's watch and the ledger.

`failure` in requests.csv is what the client could see. The ledger goes further with HAProxy's and
the predictors' records (which loss, which retry), but never contradicts it: where it does, the
records of the parts do not fit together and the run is invalid.
"""

from __future__ import annotations

from collections.abc import Collection

NONE, REFUSED, ERROR, LATE, CLIENT_GONE = "none", "refused", "error", "late", "client_gone"
FAILURES = (REFUSED, ERROR, LATE)
"""What counts against the system. A client that leaves by itself does not."""
KINDS = (NONE, *FAILURES, CLIENT_GONE)

DEFINITIONS = {
    NONE: "no failure: a prediction within the limit after the request was due",
    LATE: "a prediction, but later than the limit after the request was due",
    REFUSED: "refused on purpose: 429, or the 503 of HAProxy's queue time-out (`X-Refused-By` says so)",
    ERROR: "anything else: another status, no complete reply within `TIMEOUT_S`, a broken connection, a body "
    "that is no prediction; a 503 because no server was left is one of these",
    CLIENT_GONE: "the client itself broke it off before its time-out: nobody's loss",
}

SEEN_AS: dict[str, Collection[str]] = {
    "served": {NONE},
    "served_after_retry": {NONE},
    "served_late": {LATE},
    "executed_twice": {NONE, LATE},
    # Only who knows the right answers sees that one is wrong.
    "wrong_answer": {NONE, LATE, ERROR},
    "shed": {REFUSED},
    "rejected": {ERROR},
    "lost_before_server": {ERROR},
    "lost_in_flight": {ERROR},
    "lost_on_way_back": {ERROR},
    CLIENT_GONE: {CLIENT_GONE},
    "unknown": set(KINDS),
}
"""Class of the ledger -> what the client can have seen of such a request."""

OK, TOO_MANY, UNAVAILABLE = 200, 429, 503


def classify(
    status: int, *, refused_by: str, sound: bool, latency_ms: float, limit_ms: float, gone: bool = False
) -> str:
    """Return the kind of failure of a request as its client sees it.

    `status` is 0 without a reply; `refused_by` the reply's X-Refused-By, empty without; `sound`
    says that a reply of status 200 is a prediction; `gone` that the client broke the request off
    before its time-out.
    """
    if gone:
        return CLIENT_GONE
    if status == TOO_MANY or (status == UNAVAILABLE and refused_by):
        return REFUSED
    if status != OK or not sound:
        return ERROR
    return LATE if latency_ms > limit_ms else NONE
