"""Whom a fault strikes: words, state and seed in, names out.

What a topology lacks is not applicable.
"""

from dataclasses import replace

import pytest

from lab.errors import LabError
from lab.experiment.targets import NotApplicableError, check, resolve
from lab.parts.controller import State
from unit.lab.journal_entries import server, state

FIVE = state(
    server("predictor-1"),
    server("predictor-2"),
    server("predictor-3"),
    replace(server("predictor-4"), region="region-2"),
    replace(server("predictor-5", "standby"), region="region-2"),
    topology="five",
)
ALONE = state(server("predictor-1"), topology="single")
ALL = tuple(f"predictor-{number}" for number in range(1, 6))

RESOLVED = [
    ("all of a role", "active", None, ALL[:4]),
    ("the standby", "standby", None, ALL[4:]),
    ("the standby, counted", "standby", 1, ALL[4:]),
    ("as many as there are", "active", 4, ALL[:4]),
    ("any without a count", "any", None, ALL),
    ("all", "all", None, ALL),
    ("a region", "region:region-2", None, ALL[3:]),
    ("a region, counted", "region:region-2", 2, ALL[3:]),
    ("a name", "predictor-2", None, ("predictor-2",)),
    ("names, in the topology's order", "predictor-3, predictor-1", None, ("predictor-1", "predictor-3")),
    ("a place", "haproxy", None, ("haproxy",)),
    ("a place, counted", "controller", 1, ("controller",)),
    ("the client", "client", None, ("client",)),
    ("a role and a place", "standby,docker-proxy", None, ("predictor-5", "docker-proxy")),
    ("each one once", "predictor-1,active", None, ALL[:4]),
]
LACKING = [
    ("no standby", "standby", ALONE, 1, "the topology single has no standby server"),
    ("no such server", "predictor-9", ALONE, None, "single has no server predictor-9; it has predictor-1"),
    ("no such region", "region:region-9", FIVE, None, "no region 'region-9'; it has region-1, region-2"),
    ("too few", "active", ALONE, 2, "2 x active asked for; the topology single has 1 (predictor-1)"),
    ("none left", "predictor-1,active", ALONE, 1, "1 x active asked for; the topology single has none left"),
]
WRONG = [
    ("", "no target is given", ""),
    (" , ", "no target is given", ""),
    ("actve", "no target 'actve'; expected one of: active, standby", "'active' comes close"),
    ("predictor", "no target 'predictor'", ""),
    ("region:", "no target 'region:'", ""),
]


@pytest.mark.parametrize(
    ("target", "count", "names"), [row[1:] for row in RESOLVED], ids=[r[0] for r in RESOLVED]
)
def test_a_target_stands_for_these(target: str, count: int | None, names: tuple[str, ...]) -> None:
    assert resolve(target, FIVE, count=count) == names


@pytest.mark.parametrize(
    ("target", "where", "count", "reason"), [row[1:] for row in LACKING], ids=[row[0] for row in LACKING]
)
def test_what_a_topology_lacks_is_not_applicable(
    target: str, where: State, count: int | None, reason: str
) -> None:
    """It is a fact about the topology, not a mistake: the error says so, and the reason."""
    with pytest.raises(NotApplicableError) as caught:
        resolve(target, where, count=count)
    assert reason in caught.value.what


@pytest.mark.parametrize(("target", "words", "cause"), WRONG)
def test_what_no_topology_has_is_a_mistake(target: str, words: str, cause: str) -> None:
    """It is found without a running system."""
    with pytest.raises(LabError) as caught:
        check(target)
    assert words in caught.value.what
    assert cause in caught.value.cause


def test_a_count_of_nothing_is_a_mistake() -> None:
    with pytest.raises(LabError, match="a count of 0"):
        resolve("active", FIVE, count=0)


@pytest.mark.parametrize("target", ["all", "region", "active, all"])
def test_a_count_of_what_is_the_whole_is_a_mistake(target: str) -> None:
    """It would be ignored, and more be struck than was asked for."""
    with pytest.raises(LabError, match=r"a count of 1 with '(all|region)', which is all of them"):
        resolve(target, FIVE, count=1)


@pytest.mark.parametrize("target", ["active", "any", "region:region-1"])
def test_the_same_seed_chooses_the_same_and_seeds_differ(target: str) -> None:
    """So that an experiment can be repeated exactly, and trials strike different servers."""
    chosen = [resolve(target, FIVE, count=1, seed=seed) for seed in range(30)]
    assert chosen == [resolve(target, FIVE, count=1, seed=seed) for seed in range(30)]
    assert len(set(chosen)) > 1


def test_two_words_never_draw_the_same_server() -> None:
    """Two at once are two."""
    for seed in range(30):
        found = resolve("active,any", FIVE, count=1, seed=seed)
        assert len(set(found)) == 2


def test_region_is_one_that_serves() -> None:
    """All of its servers are struck, its standby too."""
    found = {resolve("region", FIVE, seed=seed) for seed in range(30)}
    assert found == {ALL[:3], ALL[3:]}
