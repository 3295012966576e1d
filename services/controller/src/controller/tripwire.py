"""Tripwires: one idle TCP connection per server, which ends the moment the server's process dies.

The kernel closes a dead process's sockets at once, long before a health check is due. But a
connection also ends when a server closes an idle one or restarts gracefully, so each end is
confirmed by connecting anew at once: accepted means alive, refused or no answer in time means dead.
A hang or a cut network does not end a connection; there HAProxy's checks decide (and keep-alive
probes end the connection later, so that it does not claim to be connected for ever).

Nothing here acts: a tripwire changes its Link, records the signal, and wakes the loop.
"""

import asyncio
import os
import socket
from collections.abc import Callable

from controller.model import Link, LinkState, Told
from controller.settings import Settings
from hadr.contract import Kind

QUICK_CONFIRMATIONS = 5
# Linux: the first probe after 1 s of silence, one each second, and the connection ends after 3 s
# unanswered.
KEEPALIVE = (
    (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
    (socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 1),
    (socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 1),
    (socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 3),
)


class Tripwires:
    """The tripwires of all servers.

    `watch` says where they are; `links` says what is known of each.
    """

    def __init__(self, settings: Settings, tell: Told, clock: Callable[[], float]) -> None:
        self._tell = tell
        self._clock = clock
        self._connect_timeout_s = settings.connect_timeout_s
        self._retry_pause_s = settings.reconnect_pause_s
        self._tasks: dict[str, tuple[str, asyncio.Task[None]]] = {}
        self.links: dict[str, Link] = {}

    def watch(self, addresses: dict[str, str], group: asyncio.TaskGroup) -> None:
        """Keep a tripwire per server of `addresses` (name -> "ip:port"; "": HAProxy has none)."""
        for server, (address, task) in list(self._tasks.items()):
            if addresses.get(server) != address:
                task.cancel()
                del self._tasks[server]
                self.links.pop(server, None)
        for server, address in addresses.items():
            if address and server not in self._tasks:
                self._tasks[server] = (address, group.create_task(self._keep(server, address)))

    async def _keep(self, server: str, address: str) -> None:
        """Connect; when the connection ends, confirm at once.

        Retry with short pauses while refused.
        """
        short_lived = 0
        while True:
            was = self.links.get(server, Link()).state
            try:
                end = await self._connect(address)
            except (OSError, TimeoutError) as error:
                self._failed(server, address, was, error)
                await asyncio.sleep(self._retry_pause_s)
                continue
            try:
                self._set(server, address, LinkState.CONNECTED)
                if was is not LinkState.CONNECTED:
                    self._tell(Kind.TRIPWIRE_CONNECTED, server, f"connection to {address} stands")
                connected_at = self._clock()
                await end.wait()
            finally:
                end.close()
            # A dying process may have its connections closed before its listener: the kernel then
            # accepts the confirmation and ends it at once. So that is confirmed at once too, but
            # not for ever.
            short_lived = short_lived + 1 if self._clock() - connected_at < self._retry_pause_s else 0
            if short_lived > QUICK_CONFIRMATIONS:
                await asyncio.sleep(self._retry_pause_s)

    async def _connect(self, address: str) -> "_End":
        host, _, port = address.rpartition(":")
        async with asyncio.timeout(self._connect_timeout_s):
            _, end = await asyncio.get_running_loop().create_connection(_End, host, int(port))
        return end

    def _failed(self, server: str, address: str, was: LinkState, error: OSError | TimeoutError) -> None:
        timed_out = isinstance(error, TimeoutError)
        if timed_out and was is LinkState.UNKNOWN:
            return  # never connected, and no answer is no proof: a full backlog or a lost packet
        if timed_out:
            detail = f"gave no answer to a new connection within {self._connect_timeout_s * 1000:.0f} ms"
        elif isinstance(error, ConnectionRefusedError):
            detail = "refused connections"
        else:
            detail = f"cannot be reached ({os.strerror(error.errno) if error.errno else error})"
        if was is LinkState.REFUSED:
            detail = self.links[server].detail  # how it died; what follows is only its address going away
        self._set(server, address, LinkState.REFUSED, detail)
        if was is not LinkState.REFUSED:
            if was is LinkState.CONNECTED:
                self._tell(Kind.TRIPWIRE_ENDED, server, f"connection to {address} ended; {server} {detail}")
            else:
                self._tell(Kind.TRIPWIRE_REFUSED, server, f"{server} {detail} at {address}")

    def _set(self, server: str, address: str, state: LinkState, detail: str = "") -> None:
        # `since` moves with each refusal: only fresh evidence counts (see the module observe).
        self.links[server] = Link(state, address, self._clock(), detail)


class _End(asyncio.Protocol):
    """Waits for the end of a connection on which nothing is ever sent."""

    def __init__(self) -> None:
        self._ended = asyncio.Event()
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 - asyncio promises it for TCP
        self._transport = transport
        connection = transport.get_extra_info("socket")
        for level, option, value in KEEPALIVE:
            connection.setsockopt(level, option, value)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's signature
        self._ended.set()

    async def wait(self) -> None:
        await self._ended.wait()

    def close(self) -> None:
        if self._transport is not None:
            self._transport.abort()
