"""A reply is written whole.

A kill between head and body would lose a request that cannot be sent again.
"""

import asyncio
from pathlib import Path

from predictor.__main__ import make_server
from predictor.settings import Settings
from predictor.wire import CorkedTransport, WholeReplyProtocol


class Written(asyncio.Transport):
    """The far end: notes each write as it would become a system call."""

    def __init__(self) -> None:
        super().__init__()
        self.writes: list[bytes] = []
        self.closed = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.writes.append(bytes(data))

    def is_closing(self) -> bool:
        return self.closed

    def close(self) -> None:
        self.closed = True


async def turn() -> None:
    await asyncio.sleep(0)


def test_what_is_written_in_one_turn_goes_out_together() -> None:
    async def test() -> None:
        wire = Written()
        corked = CorkedTransport(wire, asyncio.get_running_loop())
        corked.write(b"head")
        corked.write(b"body")
        assert wire.writes == []
        await turn()
        assert wire.writes == [b"headbody"]
        corked.write(b"next")
        await turn()
        assert wire.writes == [b"headbody", b"next"]

    asyncio.run(test())


def test_a_close_comes_after_what_is_held() -> None:
    async def test() -> None:
        wire = Written()
        corked = CorkedTransport(wire, asyncio.get_running_loop())
        corked.write(b"last")
        corked.close()
        assert (wire.writes, wire.closed, corked.is_closing()) == ([b"last"], True, True)
        corked.write(b"late")
        await turn()
        assert wire.writes == [b"last"]

    asyncio.run(test())


def test_the_server_writes_its_replies_that_way(model_path: Path) -> None:
    server = make_server(Settings.load({"PREDICTOR_MODEL_PATH": str(model_path), "PREDICTOR_PORT": "0"}))
    server.config.load()
    assert server.config.http_protocol_class is WholeReplyProtocol
