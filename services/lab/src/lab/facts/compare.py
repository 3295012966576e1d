"""Load tests of several topologies side by side, beside the article's figures.

Pure: summaries in, rows out.

Several runs of a topology make one row: the median and the range of the rate at the first failure.

The article ("High Availability ML Deployments", 2022) gives, for its own demo on its own machine,
the rate at the first failure and how many requests each server had in progress then (at most 10,
its node threshold). The lab's numbers are larger because its parts are; what compares is how the
topologies stand to each other.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from lab.facts import first_failures
from lab.facts.first_failures import Rate, Rates
from lab.facts.summary import Summary

ARTICLE_RATE_PER_S = {"single": 5.2, "2-active": 8.6, "3-active": 7.4}
ARTICLE_LOAD = {"2-active": (10, 10, 9), "3-active": (5, 7, 8)}

# Servers that are none: HAProxy's own refusals, and requests without any reply.
NO_SERVERS = frozenset({"haproxy", "(no reply)"})


@dataclass(frozen=True)
class RateRow:
    """A row of the first table, in requests/s. `servers` is how many answered, standbys too."""

    topology: str
    servers: int
    rates: Rates
    relative_to_first: float | None  # the medians; None where one of them is only a bound
    article_rate_per_s: float | None
    article_relative_to_first: float | None
    folders: tuple[str, ...]


@dataclass(frozen=True)
class LoadRow:
    """A row of the second table.

    Requests per server at the first failure, in the order of server names.

    Of several runs it is the one whose rate is nearest to the median.
    """

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
    """Put the topologies side by side, in the order of their first runs."""
    groups = by_topology(summaries)
    rates = {topology: first_failures.of_runs(runs) for topology, runs in groups.items()}
    first = next(iter(groups), "")
    base = rates[first].median if groups else None
    rows = tuple(
        RateRow(
            topology=topology,
            servers=max(len(_servers(run)) for run in runs),
            rates=rates[topology],
            relative_to_first=_ratio(rates[topology].median, base),
            article_rate_per_s=ARTICLE_RATE_PER_S.get(topology),
            article_relative_to_first=_article_ratio(topology, first),
            folders=tuple(run.folder for run in runs),
        )
        for topology, runs in groups.items()
    )
    return Comparison(rows, tuple(_load_row(runs, rates[name].median) for name, runs in groups.items()))


def by_topology(summaries: Sequence[Summary]) -> dict[str, list[Summary]]:
    """Return the runs of each topology."""
    groups: dict[str, list[Summary]] = {}
    for summary in summaries:
        groups.setdefault(summary.topology, []).append(summary)
    return groups


def _ratio(rate: Rate | None, base: Rate | None) -> float | None:
    if rate is None or base is None or rate.above or base.above or not base.per_s:
        return None
    return rate.per_s / base.per_s


def _article_ratio(topology: str, first: str) -> float | None:
    rate, base = ARTICLE_RATE_PER_S.get(topology), ARTICLE_RATE_PER_S.get(first)
    return rate / base if rate is not None and base else None


def _servers(summary: Summary) -> list[str]:
    return [server.server for server in summary.servers if server.server not in NO_SERVERS]


def _load_row(runs: Sequence[Summary], median: Rate | None) -> LoadRow:
    """Return the loads of the run nearest to the median; of the first where no run is valid."""
    counted = [run for run in runs if run.valid] or runs[:1]
    middle_per_s = median.per_s if median else 0.0
    summary = min(counted, key=lambda run: abs(first_failures.rate_of(run).per_s - middle_per_s))
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
