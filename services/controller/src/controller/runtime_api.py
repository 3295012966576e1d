"""HAProxy's runtime API over its unix socket. The only module that knows its commands and formats.

HAProxy answers in band: each answer ends with an empty line; an empty answer to a `set` is success,
any other text is an error. Several commands separated by ";" share one connection, which HAProxy
closes after the last answer.
"""

import asyncio
import csv
import socket
from collections.abc import Iterator, Sequence

from controller.model import Action, Admin, HaproxyServer, HaproxyView
from controller.settings import Settings
from hadr.contract import OK, Verb

CHUNK_BYTES = 65536
# Bits of srv_admin_state. Inherited and configured maintenance count as the forced kind.
MAINT_BITS = 0x01 | 0x02 | 0x04 | 0x40
DRAIN_BITS = 0x08 | 0x10
RESOLUTION_BIT = 0x20
NO_ADDRESS = ("", "-", "0.0.0.0")


class RuntimeApiError(Exception):
    """HAProxy does not answer, or not as this module expects: another version, perhaps."""


class RuntimeApi:
    """Asks and tells one HAProxy about one backend.

    The fallback's sessions are added to its servers'.
    """

    def __init__(self, settings: Settings) -> None:
        self._path = settings.haproxy_socket
        self._backend = settings.backend
        self._fallback = settings.fallback
        self._weight = settings.weight
        self._timeout_s = settings.haproxy_timeout_s

    async def view(self) -> HaproxyView:
        """Ask for the state of all servers, in one exchange."""
        states, stats = await self._exchange([f"show servers state {self._backend}", "show stat -1 6 -1"])
        return parse_view(stats, states, self._backend, self._fallback)

    def command(self, action: Action) -> str:
        """Return the command that carries out `action`."""
        target = f"set server {self._backend}/{action.server}"
        commands = {
            # `health down` heals itself at the next good checks; `state maint` would need us to
            # undo it.
            Verb.MARK_DOWN: f"{target} health down",
            # An absolute weight: a percentage of the initial weight 0 is 0.
            Verb.PROMOTE: f"{target} weight {self._weight}",
            Verb.DEMOTE: f"{target} weight 0",
        }
        return commands[action.verb]

    async def execute(self, commands: Sequence[str]) -> list[str]:
        """Send commands that answer nothing, in one exchange; return OK or the error of each."""
        answers = await self._exchange(commands)
        return [
            # The first line says what; a wrong command is followed by the whole help.
            f"HAProxy refused `{command}`: {answer.splitlines()[0]}" if answer else OK
            for command, answer in zip(commands, answers, strict=True)
        ]

    async def _exchange(self, commands: Sequence[str]) -> list[str]:
        request = ";".join(commands)
        try:
            async with asyncio.timeout(self._timeout_s):
                reply = await self._send(request + "\n")
        except TimeoutError as error:
            what = f"HAProxy gave no answer at {self._path} within {self._timeout_s} s"
            raise RuntimeApiError(what) from error
        except OSError as error:
            what = f"HAProxy cannot be reached at {self._path}: {error.strerror or error}"
            raise RuntimeApiError(what) from error
        answers = list(split_answers(reply))
        if len(answers) != len(commands):
            what = f"{len(commands)} commands, but {len(answers)} answers: `{request}` -> {reply[:200]!r}"
            raise RuntimeApiError(what)
        return answers

    async def _send(self, request: str) -> str:
        loop = asyncio.get_running_loop()
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.setblocking(False)
            await loop.sock_connect(connection, self._path)
            await loop.sock_sendall(connection, request.encode())
            chunks = []
            while chunk := await loop.sock_recv(connection, CHUNK_BYTES):
                chunks.append(chunk)
        return b"".join(chunks).decode()


def split_answers(reply: str) -> Iterator[str]:
    """Split the reply to several commands: each answer ends with an empty line.

    HAProxy ends with one newline more where an answer has text, hence the empty rest at the end.
    """
    answer: list[str] = []
    for line in reply.split("\n")[:-1]:
        if line:
            answer.append(line)
        else:
            yield "\n".join(answer)
            answer = []
    if answer:
        yield "\n".join(answer)


def parse_view(stats: str, states: str, backend: str, fallback: str) -> HaproxyView:
    """Join the answers to `show stat` (CSV) and `show servers state` (columns).

    Raises RuntimeApiError.
    """
    by_name = _parse_states(states)
    servers: list[HaproxyServer] = []
    queue: int | None = None
    rows = list(_parse_stats(stats))
    extra = {row["svname"]: row for row in rows if row["pxname"] == fallback}
    try:
        for row in rows:
            if row["pxname"] != backend:
                continue
            if row["svname"] == "BACKEND":
                queue = int(row["qcur"])
            else:
                servers.append(_server(row, by_name[row["svname"]], extra.get(row["svname"])))
    except (KeyError, ValueError) as error:
        raise RuntimeApiError(f"HAProxy's `show stat` is not as expected: {error!r}") from error
    if queue is None:
        has = sorted({row["pxname"] for row in rows})
        raise RuntimeApiError(f"HAProxy has no backend {backend!r}; it has {has}")
    return HaproxyView(tuple(servers), queue)


def _parse_stats(stats: str) -> Iterator[dict[str, str]]:
    lines = stats.split("\n")
    if not lines[0].startswith("# pxname,svname,"):
        raise RuntimeApiError(f"HAProxy's `show stat` does not begin with its header: {lines[0][:200]!r}")
    columns = lines[0].removeprefix("# ").split(",")
    # A reader, not split(): HAProxy quotes the text of a check that contains a comma.
    return (dict(zip(columns, row, strict=False)) for row in csv.reader(line for line in lines[1:] if line))


def _parse_states(states: str) -> dict[str, dict[str, str]]:
    lines = states.split("\n")
    if len(lines) < 2 or lines[0] != "1" or not lines[1].startswith("# be_id "):  # noqa: PLR2004
        raise RuntimeApiError(f"HAProxy's `show servers state` is not version 1: {states[:200]!r}")
    columns = lines[1].removeprefix("# ").split(" ")
    rows = (dict(zip(columns, line.split(" "), strict=False)) for line in lines[2:] if line)
    return {row["srv_name"]: row for row in rows}


def _server(stat: dict[str, str], state: dict[str, str], fallback: dict[str, str] | None) -> HaproxyServer:
    address = state["srv_addr"]
    return HaproxyServer(
        name=stat["svname"],
        address="" if address in NO_ADDRESS else f"{address}:{state['srv_port']}",
        up=stat["status"].split(" ")[0] in ("UP", "DRAIN", "NOLB"),  # "UP 1/2": one check failed, still up
        check=stat["check_status"].removeprefix("* "),  # "* ": the next check is under way
        check_text=stat["last_chk"] or stat["check_desc"],
        admin=_admin(int(state["srv_admin_state"])),
        weight=int(state["srv_uweight"]),
        initial_weight=int(state["srv_iweight"]),
        sessions=int(stat["scur"]) + (int(fallback["scur"]) if fallback else 0),
        queue=int(stat["qcur"]),
        limit=int(stat["slim"] or 0),
        total=int(stat["stot"]) + (int(fallback["stot"]) if fallback else 0),
        last_change_s=float(stat["lastchg"]),
    )


def _admin(bits: int) -> Admin:
    if bits & MAINT_BITS:
        return Admin.MAINT
    if bits & RESOLUTION_BIT:
        return Admin.RESOLUTION
    return Admin.DRAIN if bits & DRAIN_BITS else Admin.READY
