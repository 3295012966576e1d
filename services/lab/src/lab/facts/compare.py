"""Several load tests side by side, beside the article's figures; pure: summaries in, rows out.

The article ("High Availability ML Deployments", 2022) gives, for its own demo on its own machine, the rate at
the first failure and how many requests each server had in progress then (at most 10, its node threshold).
The lab's numbers are larger because its parts are; what compares is how the topologies stand to each other.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from lab.facts.summary import Summary

ARTICLE_RATE_PER_S = {"single": 5.2, "2-active": 8.6, "3-active": 7.4}
ARTICLE_LOAD = {"2-active": (10, 10, 9), "3-active": (5, 7, 8)}

# Servers that are none: HAProxy's own refusals, and requests without any reply.
NO_SERVERS = frozenset({"haproxy", "(no reply)"})


@dataclass(frozen=True)
class RateRow:
    """A row of the first table: rate at the first failure, in requests/s; None where nothing failed."""

    topology: str
    rate_first_failure_per_s: float | None
    failure: str
    rate_max_without_failure_per_s: float
    relative_to_first: float | None  # to the first row's rate
    article_rate_per_s: float | None
    article_relative_to_first: float | None
    valid: bool
    folder: str


@dataclass(frozen=True)
class LoadRow:
    """A row of the second table: requests per server at the first failure, in the order of server names."""

    topology: str
    servers: tuple[str, ...]
    in_progress_requests: tuple[int, ...]
    taken_requests: tuple[int, ...]
    article_requests: tuple[int, ...] | None


@dataclass(frozen=True)
class Comparison:
    """Both tables."""

    rates: tuple[RateRow, ...]
    loads: tuple[LoadRow, ...]


def compare(summaries: Sequence[Summary]) -> Comparison:
    """Put the summaries side by side, in the order given."""
    base = _rate(summaries[0]) if summaries else None
    article_base = ARTICLE_RATE_PER_S.get(summaries[0].topology) if summaries else None
    rates = tuple(_rate_row(summary, base, article_base) for summary in summaries)
    return Comparison(rates, tuple(_load_row(summary) for summary in summaries))


def _rate(summary: Summary) -> float | None:
    return summary.first_failure.rate_per_s if summary.first_failure else None


def _ratio(value: float | None, base: float | None) -> float | None:
    return value / base if value is not None and base else None


def _rate_row(summary: Summary, base: float | None, article_base: float | None) -> RateRow:
    rate = _rate(summary)
    article = ARTICLE_RATE_PER_S.get(summary.topology)
    return RateRow(
        topology=summary.topology,
        rate_first_failure_per_s=rate,
        failure=summary.first_failure.failure if summary.first_failure else "",
        rate_max_without_failure_per_s=summary.rate_max_without_failure_per_s,
        relative_to_first=_ratio(rate, base),
        article_rate_per_s=article,
        article_relative_to_first=_ratio(article, article_base),
        valid=summary.valid,
        folder=summary.folder,
    )


def _load_row(summary: Summary) -> LoadRow:
    servers = [server for server in summary.servers if server.server not in NO_SERVERS]
    return LoadRow(
        topology=summary.topology,
        servers=tuple(server.server for server in servers),
        in_progress_requests=tuple(server.in_progress_requests for server in servers),
        taken_requests=tuple(server.taken_requests for server in servers),
        article_requests=ARTICLE_LOAD.get(summary.topology),
    )


def slashed(numbers: Iterable[int] | None) -> str:
    """Return the numbers as the article writes them: 10/10/9."""
    return "-" if numbers is None else "/".join(map(str, numbers)) or "-"
