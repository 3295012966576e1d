"""`lab watch`: servers and journal, live on a terminal; a line per entry in a pipe."""

from __future__ import annotations

import argparse
import os
import queue
import sys
import threading
import time
from collections import deque
from typing import NoReturn

from rich.console import Group, RenderableType
from rich.live import Live
from rich.text import Text

from hadr.contract import Event
from lab.errors import UnreachableError
from lab.parts.controller import Controller, Entry
from lab.report import terminal
from lab.settings import Settings

HELP = "watch the servers and the controller's journal; Ctrl-C ends it"

REFRESH_S = 1.0
"""Sessions and queues change without a journal entry: the table is fetched anew at least this
often."""
RETRY_S = 1.0
BOLD = (Event.DECISION, Event.CONFIRMED)
ENTRIES_BEFORE = 20
"""How many entries from before the start are shown first."""

Item = Entry | str
"""What the follower passes on: an entry, or a sentence about the connection."""


def run(_args: argparse.Namespace, settings: Settings) -> int:
    """Watch until Ctrl-C, or until the reader of a pipe is gone."""
    items: queue.Queue[Item] = queue.Queue()
    with Controller(settings.controller_url) as controller:
        controller.state()  # an address without a controller is an error now, not something to wait for
        threading.Thread(target=Follower(settings.controller_url, items).run, daemon=True).start()
        try:
            if sys.stdout.isatty():
                _live(controller, items)
            else:
                _piped(items)
        except KeyboardInterrupt:
            pass  # the way to end it
        except BrokenPipeError:
            # The interpreter flushes once more at its end; there is nobody left to write to.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0


class Follower:
    """Passes the journal on as it grows, over restarts of the controller."""

    def __init__(self, url: str, items: queue.Queue[Item]) -> None:
        self._url = url
        self._items = items
        self._last: Entry | None = None

    def run(self) -> None:
        """Follow for ever; report when the connection ends and when it is back."""
        lost = False
        while True:
            try:
                with Controller(self._url) as controller:
                    self._catch_up(controller, lost=lost)
                    lost = False
                    with controller.following(self._last.seq if self._last else 0) as entries:
                        for entry in entries:
                            self._pass_on(entry)
            except UnreachableError:
                pass
            if not lost:
                self._items.put("the controller is gone; waiting for it (traffic goes on without it)")
            lost = True
            time.sleep(RETRY_S)

    def _catch_up(self, controller: Controller, *, lost: bool) -> None:
        """Pass on what was written meanwhile.

        A controller that was restarted counts from 1 again.
        """
        if self._last is None:
            for entry in controller.journal()[-ENTRIES_BEFORE:]:
                self._pass_on(entry)
        elif lost:
            known = (self._last.seq, self._last.time)
            same = any((entry.seq, entry.time) == known for entry in controller.journal(self._last.seq - 1))
            if not same:
                self._last = None
            self._items.put("the controller is back" if same else "the controller was restarted")

    def _pass_on(self, entry: Entry) -> None:
        self._last = entry
        self._items.put(entry)


def _line(item: Item) -> str:
    return terminal.journal_line(item) if isinstance(item, Entry) else f"-- {item}"


def _piped(items: queue.Queue[Item]) -> NoReturn:
    """Print a line per entry, each at once."""
    while True:
        print(_line(items.get()), flush=True)


def _live(controller: Controller, items: queue.Queue[Item]) -> NoReturn:
    """Keep the table on top, and below it as many of the last entries as fit the terminal."""
    console = terminal.console()
    lines: deque[Text] = deque(maxlen=200)
    with Live(console=console, screen=True, auto_refresh=False) as live:
        while True:
            top = _table(controller)
            room = max(console.height - len(console.render_lines(top)) - 3, 1)
            heading = Text("\njournal (UTC); Ctrl-C ends", style="bold")
            live.update(Group(top, heading, *list(lines)[-room:]), refresh=True)
            _collect(items, lines)


def _collect(items: queue.Queue[Item], lines: deque[Text]) -> None:
    """Wait for news or for the time to refresh, then take all that is there."""
    try:
        item = items.get(timeout=REFRESH_S)
        while True:
            style = "yellow" if isinstance(item, str) else "bold" if item.event in BOLD else ""
            lines.append(Text(_line(item), style=style, no_wrap=True, overflow="ellipsis"))
            item = items.get_nowait()
    except queue.Empty:
        return


def _table(controller: Controller) -> RenderableType:
    """Return the table of servers, or why there is none at the moment."""
    try:
        return terminal.servers_table(controller.state())
    except UnreachableError as error:
        return Text(error.what, style="red")
