"""What the predictor sends back: replies of /predict, and errors of every route in one form."""

import asyncio
import re
import uuid
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import asdict, dataclass, field
from typing import Any

from pydantic_core import to_json

from hadr import contract

from .errors import InvalidRequestError

Headers = list[tuple[bytes, bytes]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

# HAProxy's own rule for a client's id; anything else would let a client write into logs and
# headers.
_REQUEST_ID = re.compile(rb"[A-Za-z0-9_-]{8,64}")
# ASGI's headers are bytes in lower case.
SERVED_BY, REQUEST_ID, MODEL_VERSION = (
    name.lower().encode() for name in (contract.SERVED_BY, contract.REQUEST_ID, contract.MODEL_VERSION)
)
_JSON = (b"content-type", b"application/json")
_PIECE_S = 0.05  # a slow link takes pieces of this length


@dataclass(frozen=True)
class Reply:
    """A complete answer to one request."""

    status: int
    body: bytes
    headers: Headers = field(default_factory=list)

    async def send(self, send: Send, common: Headers, bytes_per_s: Callable[[], float] = lambda: 0.0) -> None:
        """Send it, with the headers of all replies (`common`); 0 bytes per second: at once."""
        length = (b"content-length", str(len(self.body)).encode())
        headers = [_JSON, length, *common, *self.headers]
        await send({"type": "http.response.start", "status": self.status, "headers": headers})
        sent = 0
        while rate := bytes_per_s():
            piece = self.body[sent : sent + max(1, int(rate * _PIECE_S))]
            if not piece:
                break
            await send({"type": "http.response.body", "body": piece, "more_body": True})
            sent += len(piece)
            await asyncio.sleep(len(piece) / rate)
        await send({"type": "http.response.body", "body": self.body[sent:]})


def request_id_of(headers: Headers) -> str:
    """Return the id that the request carries, if it is well formed; else a new one."""
    for name, value in headers:
        if name == REQUEST_ID and _REQUEST_ID.fullmatch(value):
            return value.decode()
    return str(uuid.uuid4())


def problem(status: int, error: str, message: str, request_id: str, *headers: tuple[bytes, bytes]) -> Reply:
    """Make an error: `error` is a constant word for programs, `message` a sentence for people."""
    body = {"error": error, "request_id": request_id, "message": message}
    return Reply(status, to_json(body), list(headers))


def invalid_request(error: InvalidRequestError, request_id: str) -> Reply:
    """Make the 422 that names field, value and expectation of each thing that is wrong."""
    body = {
        "error": "invalid_request",
        "request_id": request_id,
        "message": "the request was not computed; correct the fields in details"
        + (" (only the first are listed)" if error.truncated else ""),
        "details": [asdict(detail) for detail in error.details],
    }
    return Reply(422, to_json(body))


def predictions(probabilities: list[float], *, as_list: bool) -> Reply:
    """Make the 200: an object for a single candidate, also for a list of one (as the demo)."""
    parts = [{"Placement_Probability": round(p, 4), "Placement": p >= 0.5} for p in probabilities]  # noqa: PLR2004
    content = parts if as_list and len(parts) > 1 else parts[0]
    return Reply(200, to_json(content))
