"""Tripwires on real connections to loopback."""

import asyncio
import socket
import time
from collections.abc import Awaitable, Callable

import pytest

from controller.model import Link, LinkState
from controller.settings import Settings
from controller.tripwire import QUICK_CONFIRMATIONS, Tripwires
from hadr.contract import Kind

DEADLINE_S = 20.0
NEVER_S = 600.0  # a pause that no test sees the end of


class Target:
    """A server whose end is in the test's hands."""

    def __init__(self, port: int = 0) -> None:
        self.listener = socket.create_server(("127.0.0.1", port))
        self.listener.setblocking(False)
        self.connections: list[socket.socket] = []

    @property
    def address(self) -> str:
        host, port = self.listener.getsockname()
        return f"{host}:{port}"

    async def accept(self) -> None:
        connection, _ = await asyncio.get_running_loop().sock_accept(self.listener)
        self.connections.append(connection)

    def hang_up(self) -> None:
        """End the connections; go on listening, as a server that closes an idle connection does."""
        for connection in self.connections:
            connection.close()
        self.connections.clear()

    def die(self) -> None:
        """End all sockets, as the kernel does for a killed process."""
        self.listener.close()
        self.hang_up()


class Watcher:
    """Tripwires, and what they told."""

    def __init__(self, reconnect_pause_s: float, connect_timeout_s: float = DEADLINE_S) -> None:
        self.told: list[tuple[Kind, str]] = []
        self.tripwires = Tripwires(
            # A busy machine may take its time for a connection that will be accepted.
            Settings(reconnect_pause_s=reconnect_pause_s, connect_timeout_s=connect_timeout_s),
            lambda kind, server, _: self.told.append((kind, server)),
            time.monotonic,
        )

    def link(self, server: str = "s") -> Link:
        return self.tripwires.links.get(server, Link())

    async def until(self, state: LinkState) -> None:
        async with asyncio.timeout(DEADLINE_S):
            while self.link().state is not state:  # noqa: ASYNC110 - poll to a deadline
                await asyncio.sleep(0.001)


def run(
    test: Callable[[Watcher, Target, asyncio.TaskGroup], Awaitable[None]], reconnect_pause_s: float = 0.02
) -> Watcher:
    async def main() -> Watcher:
        watcher, target = Watcher(reconnect_pause_s), Target()
        async with asyncio.TaskGroup() as group:
            watcher.tripwires.watch({"s": target.address}, group)
            await target.accept()
            await watcher.until(LinkState.CONNECTED)
            await test(watcher, target, group)
            watcher.tripwires.watch({}, group)
        target.die()
        return watcher

    return asyncio.run(main())


def test_a_death_is_seen_and_confirmed_at_once() -> None:
    """No pause comes in between."""

    async def test(watcher: Watcher, target: Target, _: asyncio.TaskGroup) -> None:
        target.die()
        await watcher.until(LinkState.REFUSED)
        assert watcher.link().detail == "refused connections"

    told = run(test, reconnect_pause_s=NEVER_S).told
    assert told == [(Kind.TRIPWIRE_CONNECTED, "s"), (Kind.TRIPWIRE_ENDED, "s")]


def test_a_server_that_refuses_from_the_start_never_had_a_tripwire_that_ended() -> None:
    async def test(watcher: Watcher, target: Target, group: asyncio.TaskGroup) -> None:
        gone = Target()
        address = gone.address
        gone.die()
        watcher.tripwires.watch({"s": target.address, "t": address}, group)
        async with asyncio.timeout(DEADLINE_S):
            while watcher.link("t").state is not LinkState.REFUSED:  # noqa: ASYNC110 - poll to a deadline
                await asyncio.sleep(0.001)

    assert run(test).told[-1] == (Kind.TRIPWIRE_REFUSED, "t")


def test_a_death_in_which_the_listener_is_closed_last_is_seen_at_once_too() -> None:
    """The confirmation is accepted, and ends with the listener; no pause comes in between."""

    async def test(watcher: Watcher, target: Target, _: asyncio.TaskGroup) -> None:
        target.hang_up()
        await target.accept()
        target.die()
        await watcher.until(LinkState.REFUSED)

    run(test, reconnect_pause_s=NEVER_S)


def test_a_server_that_accepts_and_hangs_up_does_not_keep_the_tripwire_busy() -> None:
    async def test(watcher: Watcher, target: Target, group: asyncio.TaskGroup) -> None:
        for _ in range(QUICK_CONFIRMATIONS):
            target.hang_up()
            async with asyncio.timeout(DEADLINE_S):
                await target.accept()
        target.hang_up()
        with pytest.raises(TimeoutError):  # it pauses now
            async with asyncio.timeout(0.1):
                await target.accept()

    run(test, reconnect_pause_s=NEVER_S)


def test_a_server_that_closes_an_idle_connection_is_alive() -> None:
    async def test(watcher: Watcher, target: Target, group: asyncio.TaskGroup) -> None:
        for _ in range(3):
            target.hang_up()
            await target.accept()
            assert watcher.link().state is LinkState.CONNECTED

    assert len(run(test).told) == 1


def test_each_refusal_is_fresh_evidence_but_told_once() -> None:
    async def test(watcher: Watcher, target: Target, _: asyncio.TaskGroup) -> None:
        target.die()
        await watcher.until(LinkState.REFUSED)
        first = watcher.link().since
        async with asyncio.timeout(DEADLINE_S):
            while watcher.link().since == first:  # noqa: ASYNC110 - poll to a deadline
                await asyncio.sleep(0.005)

    assert len(run(test).told) == 2


def test_a_server_that_comes_back_is_connected_again() -> None:
    async def test(watcher: Watcher, target: Target, _: asyncio.TaskGroup) -> None:
        port = target.listener.getsockname()[1]
        target.die()
        await watcher.until(LinkState.REFUSED)
        again = Target(port)
        await again.accept()
        await watcher.until(LinkState.CONNECTED)
        again.die()

    run(test)


def test_a_new_address_forgets_what_was_known_of_the_old_one() -> None:
    async def test(watcher: Watcher, target: Target, group: asyncio.TaskGroup) -> None:
        other = Target()
        watcher.tripwires.watch({"s": other.address}, group)
        assert watcher.link().state is LinkState.UNKNOWN
        await other.accept()
        await watcher.until(LinkState.CONNECTED)
        assert watcher.link().address == other.address
        other.die()

    run(test)


def test_no_answer_from_a_server_that_never_connected_proves_nothing() -> None:
    """A listener whose backlog is full takes no connection and refuses none."""

    async def main() -> Link:
        watcher = Watcher(0.02, connect_timeout_s=0.05)
        with socket.socket() as full:
            full.bind(("127.0.0.1", 0))
            full.listen(0)
            host, port = full.getsockname()
            with socket.create_connection((host, port)):
                async with asyncio.TaskGroup() as group:
                    watcher.tripwires.watch({"s": f"{host}:{port}"}, group)
                    await asyncio.sleep(0.2)
                    watcher.tripwires.watch({"s": f"{host}:{port}"}, group)
                    link = watcher.link()
                    watcher.tripwires.watch({}, group)
        return link

    assert asyncio.run(main()).state is LinkState.UNKNOWN
