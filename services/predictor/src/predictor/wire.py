"""Puts each reply on the wire whole: head and body in one system call.

uvicorn writes them one after the other. A process that is killed in between leaves a head without a
body; HAProxy has passed the head on by then and cannot send the request to another server any more,
so it is lost. (One of 42,000 requests under 50 kills was.) Together they arrive, or neither does:
then it is retried.
"""

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol


class CorkedTransport:
    """A transport whose writes of one turn of the event loop go out together, at its end."""

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport = transport
        self._loop = loop
        self._held: list[bytes] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def write(self, data: bytes) -> None:
        """Hold the data until the turn is over."""
        if not self._held:
            self._loop.call_soon(self.flush)
        self._held.append(data)

    def flush(self) -> None:
        """Write what is held.

        What the peer no longer wants is dropped, as the transport itself would.
        """
        held, self._held = self._held, []
        if held and not self._transport.is_closing():
            self._transport.write(b"".join(held))

    def close(self) -> None:
        """Close, after what is held."""
        self.flush()
        self._transport.close()


class WholeReplyProtocol(HttpToolsProtocol):
    """uvicorn's HTTP protocol on a corked transport."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # uvicorn's signature
        """Begin a connection."""
        super().connection_made(CorkedTransport(transport, self.loop))  # type: ignore[arg-type]  # it acts as one
