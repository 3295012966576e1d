"""Sends bodies byte by byte and never finishes (slowloris).

Each holds a connection as long as it is let.

Expected: 408, and the load untouched.
"""

import contextlib
import socket
import time
import uuid
from dataclasses import dataclass
from urllib.parse import urlsplit

from hadr.contract import REQUEST_ID, SERVED_BY
from lab.faults import bad_input
from lab.faults.contract import CLIENT, DURATION, TOOL, Injection, Parameter, Work, duration
from lab.faults.work import WorkFault

LENGTH = 10_000
"""What the header promises (bytes)."""
CONNECT_S = 2.0


@dataclass
class Slow:
    """A connection; `socket` is None once it is over."""

    socket: socket.socket | None
    request_id: str
    time: float
    sent: int = 0


class SlowBody(WorkFault):
    """Connections that trickle."""

    def do(self, injection: Injection, work: Work) -> None:
        """Open the connections and trickle, until all are over or the time is."""
        context, given = injection.context, injection.given
        work.report |= {"sent": 0, "statuses": {}}

        def over(row: dict[str, object]) -> None:
            bad_input.count(work, bad_input.record(context, self.name, row))

        end = time.monotonic() + given[DURATION]
        with contextlib.ExitStack() as stack:
            opened = [_open(context.target_url, stack) for _ in range(int(given["connections"]))]
            while any(slow.socket for slow in opened) and time.monotonic() < end:
                for slow in opened:
                    if slow.socket is not None and (row := _trickle(slow)) is not None:
                        over(row)
                if any(slow.sent for slow in opened):
                    work.begun.set()
                if work.stop.wait(given["interval_s"]):
                    break
            for slow in opened:
                if slow.socket is not None:
                    over(_row(slow, 0, "", "given up"))


def _open(url: str, stack: contextlib.ExitStack) -> Slow:
    """Connect and send the head of a request."""
    where = urlsplit(url)
    slow = Slow(None, f"bad-{uuid.uuid4()}", time.time())
    try:
        connection = socket.create_connection((where.hostname or "", where.port or 80), timeout=CONNECT_S)
    except OSError:
        return slow
    slow.socket = stack.enter_context(connection)
    with contextlib.suppress(OSError):  # it shows at the first byte
        connection.sendall(
            f"POST /predict HTTP/1.1\r\nHost: {where.hostname}\r\n{REQUEST_ID}: {slow.request_id}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {LENGTH}\r\n\r\n{{".encode()
        )
    connection.setblocking(False)
    return slow


def _trickle(slow: Slow) -> dict[str, object] | None:
    """Read what came back, else send another byte; return the row of a connection that is over."""
    connection = slow.socket
    assert connection is not None  # noqa: S101 - the caller looked
    try:
        reply = connection.recv(4096).decode("latin-1")
    except BlockingIOError:
        try:
            slow.sent += connection.send(b" ")
        except BlockingIOError:
            pass  # the other side reads no more; it may still answer
        except OSError as error:
            slow.socket = None
            return _row(slow, 0, "", type(error).__name__)
        return None
    except OSError as error:
        slow.socket = None
        return _row(slow, 0, "", type(error).__name__)
    slow.socket = None
    return _row(slow, *_read(reply), "" if reply else "closed without a reply")


def _read(reply: str) -> tuple[int, str]:
    """Return status and server of a reply's head."""
    first, *lines = reply.split("\r\n\r\n", 1)[0].split("\r\n")
    words = first.split(" ")
    headers = {key.lower(): value.strip() for key, _, value in (line.partition(":") for line in lines)}
    status = int(words[1]) if len(words) > 1 and words[1].isdigit() else 0
    return status, headers.get(SERVED_BY.lower(), "")


def _row(slow: Slow, status: int, server: str, error: str) -> dict[str, object]:
    return {
        "time": slow.time,
        "request_id": slow.request_id,
        "what": "slow body",
        "bytes": slow.sent,
        "status": status,
        "server": server,
        "error": error,
        "took_ms": round((time.time() - slow.time) * 1000, 3),
    }


FAULT = SlowBody(
    "slow bodies",
    places=(CLIENT,),
    limit=TOOL,
    connections=Parameter(50, "connections", 1, 1000, "how many at once"),
    interval_s=Parameter(0.5, "s", 0.05, 10, "from one byte to the next"),
    duration_s=duration(15.0),
)
