"""The controller's interface as the lab reads it, over a real connection."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from lab.errors import UnreachableError
from lab.parts.controller import Controller
from unit.lab.journal_entries import KILLED_AND_REPLACED, state
from unit.lab.loopback_controller import LoopbackController, controller


@pytest.fixture
def peer() -> Iterator[LoopbackController]:
    with controller(state()) as made:
        made.write(*KILLED_AND_REPLACED[:3])
        yield made


def test_the_state_is_read_with_every_server(peer: LoopbackController) -> None:
    """What was sent is what is read."""
    with Controller(peer.url) as client:
        assert client.state() == peer.state


def test_the_journal_is_read_from_after_a_number(peer: LoopbackController) -> None:
    """Entries keep their fields."""
    with Controller(peer.url) as client:
        assert [entry.seq for entry in client.journal(1)] == [2, 3]
        assert client.journal(1)[0].text("source") == "tripwire"


def test_the_journal_is_followed_as_it_grows(peer: LoopbackController) -> None:
    """Entries written later arrive; empty lines, the signs of life, do not."""
    with Controller(peer.url) as client, client.following(2) as entries:
        assert next(entries).seq == 3
        peer.write(KILLED_AND_REPLACED[3])
        assert next(entries).event == "decision"


def test_the_end_of_a_stream_ends_the_following(peer: LoopbackController) -> None:
    """A controller that goes away is not waited for without a word."""
    with Controller(peer.url) as client, client.following(2) as entries:
        assert next(entries).seq == 3
        threading.Thread(target=peer.stop).start()
        assert list(entries) == []


def test_a_controller_that_does_not_answer_says_what_to_do() -> None:
    """The address, the likely cause and the next command."""
    with (
        Controller("http://127.0.0.1:9") as client,
        pytest.raises(
            UnreachableError, match=r"controller at http://127\.0\.0\.1:9 does not answer"
        ) as caught,
    ):
        client.state()
    assert "make up" in caught.value.remedy


@pytest.mark.parametrize(
    "body", [{"hello": 1}, {"topology": "x", "time": "now", "steady": True, "servers": []}]
)
def test_another_program_at_the_address_is_told_apart(body: dict[str, object]) -> None:
    """A reply that is no state is an error with the address, not a traceback."""

    class Other(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            text = json.dumps(body).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Other) as other:
        threading.Thread(target=other.handle_request).start()
        with (
            Controller(f"http://127.0.0.1:{other.server_address[1]}") as client,
            pytest.raises(UnreachableError, match="is not the state of a controller"),
        ):
            client.state()
