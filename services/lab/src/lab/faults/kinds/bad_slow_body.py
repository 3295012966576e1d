"""Sends bodies byte by byte and never finishes (slowloris): each holds a connection as long as it is let."""

import contextlib
import socket
import time
import uuid
from dataclasses import dataclass
from urllib.parse import urlsplit

from lab.faults import CLIENT, DURATION, TOOL, Context, Parameter, Parameters, bad_input, duration, work

HELP = "send bodies byte by byte that never end (expected: 408, and the load untouched)"
DETAIL = "slow bodies"
PLACES = (CLIENT,)
PARAMETERS = {
    "connections": Parameter(50, "connections", 1, 1000, "how many at once"),
    "interval_s": Parameter(0.5, "s", 0.05, 10, "from one byte to the next"),
    "duration_s": duration(15.0),
}
ENDS = True
LIMIT = TOOL

_job = work.Job("bad_slow_body")
undo, took_effect, ended = _job.undo, _job.took_effect, _job.ended
failed, report = _job.failed, _job.report

LENGTH = 10_000
"""What the header promises (bytes)."""
CONNECT_S = 2.0


@dataclass
class Slow:
    """One connection; `socket` is None once it is over."""

    socket: socket.socket | None
    request_id: str
    time: float
    sent: int = 0


def inject(context: Context, target: str, parameters: Parameters) -> None:
    """Open the connections and begin to trickle."""

    def do(apart: Context, its: work.Work) -> None:
        its.found |= {"sent": 0, "statuses": {}}
        end = time.monotonic() + parameters[DURATION]
        with contextlib.ExitStack() as stack:
            opened = [_open(apart.target_url, stack) for _ in range(int(parameters["connections"]))]
            while any(one.socket for one in opened) and time.monotonic() < end:
                for one in opened:
                    if one.socket is not None and (row := _trickle(one)) is not None:
                        bad_input.count(its, bad_input.record(apart, _job.name, row))
                if any(one.sent for one in opened):
                    its.begun.set()
                if its.stop.wait(parameters["interval_s"]):
                    break
            for one in opened:
                if one.socket is not None:
                    row = _row(one, 0, "", "given up")
                    bad_input.count(its, bad_input.record(apart, _job.name, row))

    _job.start(context, target, do)


def _open(url: str, stack: contextlib.ExitStack) -> Slow:
    """Connect and send the head of a request."""
    where = urlsplit(url)
    slow = Slow(None, f"bad-{uuid.uuid4()}", time.time())
    try:
        made = socket.create_connection((where.hostname or "", where.port or 80), timeout=CONNECT_S)
    except OSError:
        return slow
    slow.socket = stack.enter_context(made)
    with contextlib.suppress(OSError):  # found out at the first byte
        made.sendall(
            f"POST /predict HTTP/1.1\r\nHost: {where.hostname}\r\nX-Request-ID: {slow.request_id}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {LENGTH}\r\n\r\n{{".encode()
        )
    made.setblocking(False)
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
    return status, headers.get("x-served-by", "")


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
