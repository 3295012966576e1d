"""What a person sees in the terminal.

The table of servers, the addresses, a journal entry as a sentence.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Sequence
from typing import Self, TextIO

from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.segment import Segment
from rich.table import Table
from rich.text import Text

from hadr.contract import Event, Verb
from lab.parts.controller import Entry, ServerState, State
from lab.records.times import clock
from lab.settings import Settings

PIPED_WIDTH = 140
"""Columns of a table that goes into a file or a pipe, where no terminal says how wide it is."""

COLOURS = {
    "up": "green",
    "running": "green",
    "down": "red",
    "exited": "red",
    "dead": "red",
    "paused": "yellow",
}
PLAIN_KEYS = frozenset({"seq", "time", "monotonic", "event"})


def console(file: TextIO | None = None) -> Console:
    """Return the console of a command; tables stay whole where the output is no terminal."""
    result = Console(file=file, highlight=False, markup=False, emoji=False)
    if not result.is_terminal and "COLUMNS" not in os.environ:
        result = Console(file=file, highlight=False, markup=False, emoji=False, width=PIPED_WIDTH)
    return result


def show(*parts: RenderableType, on: Console | None = None) -> None:
    """Print texts whole, however long, and tables without the spaces at the ends of their lines."""
    on = on or console()
    for part in parts:
        if isinstance(part, str):
            on.print(part, soft_wrap=True)
        else:
            on.print(Trimmed(part))


def table(
    names: Sequence[str], numbers: Sequence[str] = (), texts: Sequence[str] = (), *, title: str = ""
) -> Table:
    """Return a table without lines.

    Its columns are names (never broken), then numbers, then texts.
    """
    result = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), title_justify="left", title_style="bold")
    result.title = title or None
    for heading in names:
        result.add_column(heading, no_wrap=True)
    for heading in numbers:
        result.add_column(heading, justify="right")
    for heading in texts:
        result.add_column(heading, overflow="fold")
    return result


def grid() -> Table:
    """Return a table of names and texts, without headings."""
    result = table(("",), texts=("",))
    result.show_header = False
    return result


class Progress:
    """What is being waited for: a status line on a terminal, else a line now and then."""

    CHANGED_S = 1.0
    UNCHANGED_S = 5.0
    """Where there is no terminal: how soon after the last line the next is printed."""

    def __init__(self, out: Console) -> None:
        self._console = out
        self._status = out.status("")
        self._text = ""
        self._printed: float | None = None

    def __enter__(self) -> Self:
        self._status.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._status.stop()

    def show(self, text: str) -> None:
        """Show the text, or print it if it is time to."""
        self._status.update(Text(text))
        if self._console.is_terminal:
            return
        now = time.monotonic()
        pause_s = self.UNCHANGED_S if text == self._text else self.CHANGED_S
        if self._printed is None or now - self._printed >= pause_s:
            self._text, self._printed = text, now
            show(text, on=self._console)


def servers_table(state: State) -> Table:
    """Return the servers as HAProxy and Docker see them; sessions are requests in progress."""
    title = f"{state.topology}: {'steady' if state.steady else f'not steady: {state.steady_reason}'}"
    names = ("server", "role", "region", "state", "in rotation")
    reasons = ("reason",) if any(server.reason for server in state.servers) else ()
    drawn = table(names, ("weight", "sessions/limit", "queue"), reasons, title=title)
    for column in drawn.columns[: len(drawn.columns) - len(reasons)]:
        column.no_wrap = True  # where it is narrow, the reasons give way
    for server in state.servers:
        drawn.add_row(*_row(server)[: len(drawn.columns)])
    return drawn


def _row(server: ServerState) -> tuple[Text, ...]:
    health = Text(server.health, style=COLOURS.get(server.health, "yellow"))
    if server.container != "running":
        health.append(f" ({server.container})", style=COLOURS.get(server.container, "yellow"))
    return (
        Text(server.name),
        Text(server.role),
        Text(server.region),
        health,
        Text("yes" if server.in_rotation else "no"),
        Text(str(server.weight)),
        Text(f"{server.sessions}/{server.limit}"),
        Text(str(server.queue)),
        Text(server.reason),
    )


def addresses(settings: Settings) -> tuple[tuple[str, str], ...]:
    """Return what can be opened on the host: (what, address)."""
    return (
        ("predictions", f"http://127.0.0.1:{settings.port}/predict"),
        ("documentation", f"http://127.0.0.1:{settings.port}/docs"),
        ("HAProxy's stats", f"http://127.0.0.1:{settings.stats_port}/"),
        ("controller", f"http://127.0.0.1:{settings.controller_port}/state"),
    )


def pairs(rows: Iterable[tuple[str, str]]) -> Table:
    """Return rows of (name, text) with the texts in line."""
    table = grid()
    for name, text in rows:
        table.add_row(Text(f"  {name}"), Text(text))
    return table


class Trimmed:
    """What is inside, without the spaces with which rich fills up the lines of a table."""

    def __init__(self, inside: RenderableType) -> None:
        self._inside = inside

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Yield the lines, each up to its last visible character."""
        for line in console.render_lines(self._inside, options, pad=False):
            text = "".join(segment.text for segment in line)
            yield from Segment.adjust_line_length(line, cell_len(text.rstrip()), pad=False)
            yield Segment.line()


def sentence(entry: Entry) -> str:
    """Return in one line what a journal entry says."""
    server, action = entry.text("server"), entry.text("action")
    who = f"{server}: " if server else ""
    # The action "none" is a decision to leave things as they are, with its reason.
    what = who if action in (Verb.NONE, "") else f"{action} {server}: "
    match entry.event:
        case Event.SIGNAL:
            return f"{who}{entry.text('what')} ({entry.text('source')})"
        case Event.OBSERVATION:
            return f"{who}{_changes(entry)}"
        case Event.DECISION:
            return f"{what}{entry.text('reason')}"
        case Event.ACTION:
            return f"{what}{entry.text('result')}, {_took(entry)}: {entry.text('command')}"
        case Event.CONFIRMED:
            return f"{what}{_took(entry)}"
        case _:
            simple = {key: value for key, value in entry.raw.items() if not isinstance(value, dict | list)}
            return ", ".join(f"{key}={value}" for key, value in simple.items() if key not in PLAIN_KEYS)


def journal_line(entry: Entry) -> str:
    """Return a journal entry as a line: time (UTC), event, sentence."""
    return f"{clock(entry.time)}  {entry.event:<11}  {sentence(entry)}".rstrip()


def _changes(entry: Entry) -> str:
    change = entry.raw.get("change")
    if not isinstance(change, dict):
        return str(change)
    return ", ".join(f"{key} {_pair(value)}" for key, value in change.items())


def _pair(value: object) -> str:
    """Return [before, after] as an arrow; what was not known before as the value alone."""
    match value:
        case [None, after]:
            return str(after)
        case [before, after]:
            return f"{before} -> {after}"
        case _:
            return str(value)


def _took(entry: Entry) -> str:
    took = entry.raw.get("took_ms")
    return f"after {float(took):.1f} ms" if isinstance(took, int | float) else "at once"
