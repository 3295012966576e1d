"""A unix socket that speaks HAProxy's runtime API: two tables to read, and commands for servers."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

STATES = "1\n# be_id be_name srv_id srv_name srv_addr srv_admin_state srv_uweight srv_iweight srv_port"
STATS = "# pxname,svname,qcur,scur,slim,stot,status,lastchg,check_status,last_chk,check_desc"


@dataclass
class Row:
    """One server of the backend."""

    name: str
    port: int
    weight: int
    initial_weight: int
    up: bool = True
    check: str = "L7OK"
    sessions: int = 0


class Haproxy:
    """The servers, and what was asked about them.

    Each exchange as its commands, without the reading ones.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.rows: dict[str, Row] = {}
        self.orders: list[str] = []
        self.looks = 0
        self.deaf = False  # accepts orders and does not carry them out

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[None]:
        """Listen at the path; as a HAProxy that ends, it leaves its socket behind."""
        server = await asyncio.start_unix_server(self._answer, self.path)
        try:
            yield
        finally:
            server.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        request = (await reader.readline()).decode().strip()
        if request.startswith("set "):
            self.orders.append(request)
        else:
            self.looks += 1
        writer.write("".join(f"{self._reply(command)}\n" for command in request.split(";")).encode())
        writer.close()
        await writer.wait_closed()

    def _reply(self, command: str) -> str:
        match command.split():
            case ["show", "servers", "state", "predictors"]:
                return "\n".join([STATES, *map(self._state, self.rows.values()), ""])
            case ["show", "stat", *_]:
                backend = "predictors,BACKEND,0,0,0,0,UP,0,,,"
                return "\n".join([STATS, *map(self._stat, self.rows.values()), backend, ""])
            case ["set", "server", target, "weight", weight]:
                if not self.deaf:
                    self._row(target).weight = int(weight)
            case ["set", "server", target, "health", "down"]:
                if not self.deaf:
                    self._row(target).up, self._row(target).check = False, "L4CON"
            case _:
                return f"Unknown command: '{command}'\n"
        return ""

    def _row(self, target: str) -> Row:
        return self.rows[target.removeprefix("predictors/")]

    def _state(self, row: Row) -> str:
        return f"4 predictors 1 {row.name} 127.0.0.1 0 {row.weight} {row.initial_weight} {row.port}"

    def _stat(self, row: Row) -> str:
        status = "UP" if row.up else "DOWN"
        text = "Layer7 check passed" if row.up else "not as it should be"
        return f"predictors,{row.name},0,{row.sessions},10,0,{status},900,{row.check},{text},"
