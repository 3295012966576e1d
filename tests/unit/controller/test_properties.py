"""What must hold whatever happens.

Hypothesis makes up the failures, the world of world.py plays them.
"""

from collections.abc import Callable
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controller.model import LinkState, Policy
from hadr.contract import Role, Verb
from unit.controller.scene import WORDS, scene
from unit.controller.world import CAPACITY, STEP_S, World

POLICY = Policy()
CALM_S = 100.0  # longer than the longest pause between two starts, and a boot, and stable_s
EVENTS = ("kill", "crash", "stop", "start", "pause", "unpause", "break_", "mend")

server_event = st.tuples(st.sampled_from(EVENTS), st.integers(0, 5))
world_event = st.tuples(
    st.sampled_from(("forget", "restart_haproxy", "kill_all", "engine", "haproxy")), st.just(0)
)
load_event = st.tuples(st.just("load"), st.integers(0, 10))
# Short enough to fall between a death and the checks, long enough for what takes stable_s.
steps = st.sampled_from((1, 2, 3, 5, 10, 20, 70))
script = st.lists(
    st.tuples(st.one_of(server_event, server_event, world_event, load_event), steps), min_size=1, max_size=12
)
topology = st.sampled_from(((1, 0), (1, 1), (2, 1), (3, 1), (2, 2)))


def happen(world: World, event: tuple[str, int]) -> None:
    what, number = event
    if what == "load":
        world.load = number * CAPACITY / 3
    elif what in ("engine", "haproxy"):
        setattr(world, what, not getattr(world, what))
    elif what in EVENTS:
        getattr(world, what)(list(world.servers)[number % len(world.servers)])
    else:
        getattr(world, what)()


def play(
    world: World, events: list[tuple[tuple[str, int], int]], after_step: Callable[[World], None]
) -> None:
    for event, steps in events:
        happen(world, event)
        for _ in range(steps):
            world.step()
            after_step(world)


def heal(world: World) -> None:
    """End every failure that only a person can end."""
    world.engine = world.haproxy = True
    world.load = 0.0
    for name in world.servers:
        world.unpause(name)
        world.mend(name)
        world.start(name)


@settings(max_examples=30, deadline=None)
@given(topology, script)
def test_it_always_converges(shape: tuple[int, int], events: list[tuple[tuple[str, int], int]]) -> None:
    """When the failures end, every server comes back to its role, and then nothing more is done."""
    world = World(*shape, POLICY)
    play(world, events, lambda _: None)
    heal(world)
    for _ in range(int(CALM_S / STEP_S)):
        world.step()
    assert world.roles_restored(), world.history[-5:]
    assert all(world.now - at > 1 for at, _ in world.history[-1:])
    calm = len(world.history)
    for _ in range(int(20 / STEP_S)):
        world.step()
    assert world.history[calm:] == []


@settings(max_examples=60, deadline=None)
@given(topology, script)
def test_it_never_promotes_an_unproven_standby(
    shape: tuple[int, int], events: list[tuple[tuple[str, int], int]]
) -> None:
    """A promoted server passed its last check, accepts connections, and runs, says Docker."""
    world = World(*shape, POLICY)
    seen = 0

    def check(world: World) -> None:
        nonlocal seen
        assert world.observation is not None
        views = {view.name: view for view in world.observation.servers}
        for _, action in world.history[seen:]:
            if action.verb is Verb.PROMOTE:
                view = views[action.server]
                assert view.role is Role.STANDBY
                assert view.haproxy.up
                assert view.haproxy.check == "L7OK"
                assert view.link.state is LinkState.CONNECTED
                assert not world.engine or (view.container is not None and view.container.state == "running")
        seen = len(world.history)

    play(world, events, check)


@settings(max_examples=60, deadline=None)
@given(topology, script)
def test_it_never_takes_the_last_healthy_server_out(
    shape: tuple[int, int], events: list[tuple[tuple[str, int], int]]
) -> None:
    """A round that takes servers out never takes one that answers, unless another one goes on."""
    world = World(*shape, POLICY)
    served: list[str] = []
    seen = 0

    def check(world: World) -> None:
        nonlocal served, seen
        done = [action for _, action in world.history[seen:]]
        seen = len(world.history)
        taken = {action.server for action in done if action.verb in (Verb.MARK_DOWN, Verb.DEMOTE)}
        still_good = [name for name in served if world.servers[name].answers(world.now)]
        if taken & set(still_good):
            assert world.serving(), (done, served)
        served = world.serving()

    play(world, events, check)


@settings(max_examples=60, deadline=None)
@given(topology, script)
def test_it_never_marks_down_a_server_that_answers(
    shape: tuple[int, int], events: list[tuple[tuple[str, int], int]]
) -> None:
    """Out-of-date evidence, from the moments in which a server comes back, does not count."""
    world = World(*shape, POLICY)
    seen = 0

    def check(world: World) -> None:
        nonlocal seen
        for _, action in world.history[seen:]:
            if action.verb is Verb.MARK_DOWN:
                server = world.servers[action.server]
                # Docker's news of an `unpause` are one step late; so is the answer that counts.
                assert not server.answers(world.now - STEP_S) or server.changed_at >= world.now - 2 * STEP_S
        seen = len(world.history)

    play(world, events, check)


@settings(max_examples=60, deadline=None)
@given(topology, script)
def test_it_never_leaves_fewer_servers_than_the_topology_has_actives(
    shape: tuple[int, int], events: list[tuple[tuple[str, int], int]]
) -> None:
    """A standby that serves is parked only when as many servers as actives go on without it."""
    world = World(*shape, POLICY)
    seen = 0

    def check(world: World) -> None:
        nonlocal seen
        assert world.observation is not None
        serving = {view.name for view in world.observation.in_service}
        for _, action in world.history[seen:]:
            if action.verb is Verb.DEMOTE and action.server in serving:
                assert len(serving - {action.server}) >= shape[0]
        seen = len(world.history)

    play(world, events, check)


@settings(max_examples=60, deadline=None)
@given(topology, script)
def test_it_never_flaps(shape: tuple[int, int], events: list[tuple[tuple[str, int], int]]) -> None:
    """A promoted standby stays for stable_s, unless it fails or HAProxy forgets it."""
    world = World(*shape, POLICY)
    promoted_at: dict[str, float] = {}
    excused: set[str] = set()
    seen = 0

    def check(world: World) -> None:
        nonlocal seen
        excused.update(name for name, server in world.servers.items() if not server.answers(world.now))
        for at, action in world.history[seen:]:
            if action.verb is Verb.PROMOTE:
                promoted_at[action.server] = at
                excused.discard(action.server)
            elif action.verb is Verb.DEMOTE and action.server not in excused:
                stayed_s = at - promoted_at.get(action.server, 0.0)
                assert stayed_s >= POLICY.stable_s - STEP_S, f"{action.server} stayed for {stayed_s:.1f} s"
        seen = len(world.history)

    play(world, events, check)


@pytest.mark.parametrize("share", [0.5, 0.9, 1.05, 1.3, 1.6, 1.9, 2.5])
def test_a_constant_load_does_not_make_a_standby_come_and_go(share: float) -> None:
    """Once the capacity is known, a standby that the load needs stays."""
    world = World(1, 1, POLICY)
    world.load = share * CAPACITY
    for _ in range(int(120 / STEP_S)):
        world.step()
    changes = [action.verb for _, action in world.history]
    assert changes in ([], [Verb.PROMOTE]), changes
    assert bool(changes) == (share >= 1)


def test_a_standby_promoted_by_saturation_is_parked_when_the_load_falls() -> None:
    world = World(1, 1, POLICY)
    world.load = 1.5 * CAPACITY
    for _ in range(int(5 / STEP_S)):
        world.step()
    assert [action.verb for _, action in world.history] == [Verb.PROMOTE]
    world.load = 0.3 * CAPACITY
    fell_at = world.now
    while len(world.history) < 2:
        world.step()
        assert world.now - fell_at < 15, "it is not parked"
    assert world.history[-1][1].verb is Verb.DEMOTE


def test_overload_alone_never_marks_down_or_restarts() -> None:
    world = World(2, 1, POLICY)
    world.load = 10 * CAPACITY
    for _ in range(int(60 / STEP_S)):
        world.step()
    assert [action.verb for _, action in world.history] == [Verb.PROMOTE]


def test_a_container_that_dies_at_once_is_started_with_growing_pauses() -> None:
    """0.2 s after its first end, then with pauses of 1, 2, 4, ... up to 60 s."""
    world = World(1, 0, POLICY)
    for _ in range(int(200 / STEP_S)):
        world.crash("predictor-1")
        world.step()
    starts = [at for at, action in world.history if action.verb is Verb.START]
    pauses = [later - earlier for earlier, later in pairwise(starts)]
    assert pauses[:7] == pytest.approx([1, 2, 4, 8, 16, 32, 60], abs=0.5)


def test_a_server_that_is_killed_again_and_again_is_no_crasher() -> None:
    """What is killed from outside after it was stable is started at once, every time."""
    world = World(1, 1, POLICY)
    for _ in range(10):
        world.kill("predictor-1")
        killed_at = world.now
        while world.history[-1:] == [] or world.history[-1][1].verb is not Verb.START:
            world.step()
            assert world.now - killed_at < 1
        for _ in range(int(12 / STEP_S)):
            world.step()
        assert world.roles_restored()


@pytest.mark.parametrize("word", sorted(WORDS))
def test_every_word_of_the_tables_makes_an_observation(word: str) -> None:
    """A typo in a table fails here with its name."""
    assert scene(f"1 active {word} / 2 standby").servers
