"""A small HTTP server on loopback that answers as its script says.

Slowly, with any status, or not at all.
"""

import asyncio
import contextlib
import functools
import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from lab.load.oracle import Oracle
from unit.trained import model_file

PREDICTION = b'{"Placement_Probability": 0.87, "Placement": true}'
CAPACITY_PER_S = 50.0


@dataclass(frozen=True)
class Reply:
    """What the server does with a request: wait, then answer, or close the connection."""

    status: int = 200
    delay_s: float = 0.0
    body: bytes = PREDICTION
    server: str = "predictor-1"
    close: bool = False
    model: str = ""
    refused_by: str = ""
    headers: str = ""  # more header lines, each with its line end
    raw: bytes | None = None  # this instead of a reply in HTTP
    trickle_s: float = 0.0  # the body goes byte by byte, with this pause after each
    cut_bytes: int = 0  # the connection ends so many bytes before the body does

    def encode(self) -> bytes:
        """Return the reply as it goes over the wire."""
        head = f"HTTP/1.1 {self.status} Scripted\r\nX-Served-By: {self.server}\r\n"
        head += f"X-Model-Version: {self.model}\r\n" if self.model else ""
        head += f"X-Refused-By: {self.refused_by}\r\n" if self.refused_by else ""
        head += f"Content-Type: application/json\r\n{self.headers}"
        if "content-length" not in self.headers.lower():
            head += f"Content-Length: {len(self.body)}\r\n"
        return f"{head}\r\n".encode() + self.body


async def _send(writer: asyncio.StreamWriter, reply: Reply) -> bool:
    """Send a reply; return whether the connection goes on."""
    whole = reply.encode() if reply.raw is None else reply.raw
    if reply.trickle_s:
        writer.write(whole[: -len(reply.body)])
        for byte in reply.body:
            writer.write(bytes([byte]))
            await writer.drain()
            await asyncio.sleep(reply.trickle_s)
        return True
    writer.write(whole[: len(whole) - reply.cut_bytes])
    await writer.drain()
    return reply.raw is None and not reply.cut_bytes


Script = Callable[[int, str], Reply]


@functools.cache
def oracle() -> Oracle:
    """Return the model of these tests."""
    return Oracle(model_file())


def info(**other: object) -> Reply:
    """Answer GET /info as a predictor does that serves the model of these tests."""
    said = {
        "model_version": oracle().version,
        "feature_schema": oracle().feature_schema,
        "service": {"kind": "emulated", "slots": 1, "service_ms": 20.0, "row_ms": 1.0, "cv": 0.0},
        "capacity_per_s": CAPACITY_PER_S,
        "services": 0,
        "services_slow": 0,
    }
    return Reply(body=json.dumps(said | other).encode())


def prediction(body: bytes) -> bytes:
    """Return the right answer to a request's body, as a predictor words it."""
    right = oracle().answers([body.decode()], 0)
    return json.dumps(
        {"Placement_Probability": round(right.probabilities[0], 4), "Placement": right.placements[0]}
    ).encode()


class ScriptedServer:
    """Counts the requests, asks the script with number and path, and does what it returns."""

    def __init__(self, script: Script) -> None:
        self.script = script
        self.requests: list[tuple[str, dict[str, str], bytes]] = []
        self.url = ""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection until either side closes it."""
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode()
                first, *lines = head.strip().split("\r\n")
                headers = {
                    name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)
                }
                body = await reader.readexactly(int(headers.get("content-length", "0")))
                number = len(self.requests)
                path = first.split(" ")[1]
                self.requests.append((path, headers, body))
                reply = self.script(number, path)
                if reply.delay_s:
                    await asyncio.sleep(reply.delay_s)
                if reply.close or not await _send(writer, reply):
                    break
        writer.close()


@contextlib.contextmanager
def serving(script: Script) -> Iterator[ScriptedServer]:
    """Serve on a free port of loopback until the block ends."""
    server = ScriptedServer(script)
    loop = asyncio.new_event_loop()
    ready = threading.Event()

    async def run(stopped: asyncio.Event) -> None:
        listener = await asyncio.start_server(server.serve, "127.0.0.1", 0, backlog=1000)
        port = listener.sockets[0].getsockname()[1]
        server.url = f"http://127.0.0.1:{port}"
        ready.set()
        await stopped.wait()
        listener.close()
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    stopped = asyncio.Event()
    thread = threading.Thread(target=loop.run_until_complete, args=(run(stopped),))
    thread.start()
    ready.wait()
    try:
        yield server
    finally:
        loop.call_soon_threadsafe(stopped.set)
        thread.join()
        loop.close()
