"""What HAProxy 3.0 answered, recorded from a running lab, and what is read from it."""

import asyncio
import socket
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from controller.model import Action, Admin, HaproxyServer, HaproxyView
from controller.runtime_api import (
    RuntimeApi,
    RuntimeApiError,
    parse_view,
    split_answers,
)
from controller.settings import Settings
from hadr.contract import Verb

RECORDED = Path(__file__).parent / "recorded"


def recorded(name: str) -> HaproxyView:
    states, stats = split_answers((RECORDED / f"{name}.txt").read_text())
    return parse_view(stats, states, "predictors", "fallback")


def one(name: str, number: int) -> HaproxyServer:
    return recorded(name).servers[number - 1]


def test_a_steady_lab() -> None:
    assert recorded("steady").queue == 0
    assert one("steady", 1) == HaproxyServer(
        name="predictor-1",
        address="192.168.0.4:8000",
        up=True,
        check="L7OK",
        check_text="Layer7 check passed",
        admin=Admin.READY,
        weight=100,
        initial_weight=100,
        sessions=0,
        queue=0,
        limit=10,
        total=0,
        last_change_s=84,
    )


STATES: list[tuple[str, str, int, dict[str, object]]] = [
    ("the standby is parked and checked", "steady", 3, {"weight": 0, "initial_weight": 0, "up": True}),
    ("a killed server is down", "killed_drained_maintained", 1, {"up": False, "check": "L4TOUT"}),
    (
        "a drained server is up",
        "killed_drained_maintained",
        2,
        {"up": True, "admin": Admin.DRAIN, "weight": 100},
    ),
    (
        "a server in maintenance is not checked",
        "killed_drained_maintained",
        3,
        {"up": False, "admin": Admin.MAINT, "check": ""},
    ),
    ("`health down` shows at once, its last check passed", "marked_down", 2, {"up": False, "check": "L7OK"}),
    ("a busy server", "overloaded", 1, {"sessions": 8, "limit": 10, "total": 141, "up": True}),
]


@pytest.mark.parametrize(("sentence", "name", "number", "expected"), STATES, ids=[row[0] for row in STATES])
def test_state(sentence: str, name: str, number: int, expected: dict[str, object]) -> None:
    server = one(name, number)
    assert {key: getattr(server, key) for key in expected} == expected, sentence


def test_requests_that_wait_for_any_server_are_counted() -> None:
    assert recorded("overloaded").queue == 16


@pytest.mark.parametrize(
    ("status", "up"),
    [("UP 1/2", True), ("DOWN 1/2", False), ("DRAIN", True), ("NOLB", True), ("MAINT", False)],
)
def test_statuses_on_the_way(status: str, up: bool) -> None:
    """One bad check leaves a server up, one good check leaves it down."""
    states, stats = split_answers((RECORDED / "steady.txt").read_text())
    changed = stats.replace(",UP,100,1,0,0,0,84,", f",{status},100,1,0,0,0,84,", 1)
    assert changed != stats
    assert parse_view(changed, states, "predictors", "fallback").servers[0].up is up


def test_a_quoted_text_with_commas_does_not_shift_the_columns() -> None:
    states, stats = split_answers((RECORDED / "steady.txt").read_text())
    changed = stats.replace("Layer7 check passed", '"a, b, ""c"""', 1)
    server = parse_view(changed, states, "predictors", "fallback").servers[0]
    assert (server.check_text, server.address) == ('a, b, "c"', "192.168.0.4:8000")


GARBLED = [
    ("no header", lambda _, states: ("hello", states)),
    ("another version of the state", lambda stats, states: (stats, states.replace("1", "2", 1))),
    ("a server without a state", lambda stats, states: (stats, "\n".join(states.split("\n")[:3]))),
    ("a number that is none", lambda stats, states: (stats.replace(",10,", ",ten,"), states)),
    ("no such backend", lambda stats, states: (stats.replace("predictors", "others"), states)),
]


@pytest.mark.parametrize(("sentence", "change"), GARBLED, ids=[row[0] for row in GARBLED])
def test_what_is_not_understood_is_an_error(
    sentence: str, change: Callable[[str, str], tuple[str, str]]
) -> None:
    states, stats = split_answers((RECORDED / "steady.txt").read_text())
    with pytest.raises(RuntimeApiError, match=r"HAProxy('s `show | has no backend)"):
        parse_view(*change(stats, states), "predictors", "fallback")


async def _with_haproxy(path: Path, reply: bytes, commands: Sequence[str]) -> tuple[list[str], str]:
    """Send commands to a real unix socket that replies what HAProxy had replied."""
    asked: asyncio.Queue[str] = asyncio.Queue()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        request = (await reader.readline()).decode()
        writer.write(reply)
        writer.close()
        await writer.wait_closed()
        await asked.put(request)

    async with await asyncio.start_unix_server(answer, path):
        api = RuntimeApi(Settings(haproxy_socket=str(path), haproxy_timeout_s=30.0))
        return await api.execute(commands), await asked.get()


def test_an_empty_answer_is_success_and_any_text_an_error(tmp_path: Path) -> None:
    commands = [
        "set server predictors/predictor-1 weight 100",
        "set server predictors/nobody weight 1",
        "bogus",
        "set server predictors/predictor-2 health down",
    ]
    reply = (RECORDED / "mixed_answers.txt").read_bytes()
    results, asked = asyncio.run(_with_haproxy(tmp_path / "socket", reply, commands))
    assert asked == ";".join(commands) + "\n"
    assert results == [
        "ok",
        "HAProxy refused `set server predictors/nobody weight 1`: No such server.",
        (
            "HAProxy refused `bogus`: Unknown command: 'bogus', "
            "but maybe one of the following ones is a better match:"
        ),
        "ok",
    ]


def test_a_connection_cut_before_the_answer_is_no_success(tmp_path: Path) -> None:
    with pytest.raises(RuntimeApiError, match="1 commands, but 0 answers"):
        asyncio.run(_with_haproxy(tmp_path / "socket", b"", ["set server predictors/predictor-1 weight 100"]))


def test_nobody_listens(tmp_path: Path) -> None:
    api = RuntimeApi(Settings(haproxy_socket=str(tmp_path / "none")))
    with pytest.raises(RuntimeApiError, match="No such file"):
        asyncio.run(api.view())


def test_no_answer_in_time(tmp_path: Path) -> None:
    """The kernel accepts the connection; the process behind it is frozen."""
    path = str(tmp_path / "socket")
    settings = Settings(haproxy_socket=path, haproxy_timeout_s=0.05)
    with socket.socket(socket.AF_UNIX) as frozen:
        frozen.bind(path)
        frozen.listen()
        with pytest.raises(RuntimeApiError, match=r"within 0\.05 s"):
            asyncio.run(RuntimeApi(settings).view())


@pytest.mark.parametrize(
    ("verb", "command"),
    [
        (Verb.PROMOTE, "set server predictors/predictor-3 weight 100"),
        (Verb.DEMOTE, "set server predictors/predictor-3 weight 0"),
        (Verb.MARK_DOWN, "set server predictors/predictor-3 health down"),
    ],
)
def test_commands(verb: Verb, command: str) -> None:
    """Absolute weights, and nothing that only a living controller could undo."""
    assert RuntimeApi(Settings()).command(Action(verb, "predictor-3", "")) == command
