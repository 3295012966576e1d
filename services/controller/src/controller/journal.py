"""The journal: what was seen, decided and done, one JSON line each, on stdout and in memory.

Every entry has `seq` (counts from 1 in each life of the controller), `time` (wall clock, UTC, epoch
seconds: to be joined with other records), `monotonic` (seconds: to be subtracted) and `event`. The
words, and the fields of each event, are those of hadr.contract.
"""

import asyncio
import json
from collections import deque
from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any, TextIO

from hadr.contract import Event, Kind, Source


class Journal:
    """Writes entries, and remembers the last ones."""

    def __init__(
        self, out: TextIO, entries: int, wall: Callable[[], float], clock: Callable[[], float]
    ) -> None:
        self._out = out
        self._wall = wall
        self._clock = clock
        self._seq = 0
        self._ring: deque[tuple[int, str]] = deque(maxlen=entries)
        self._news = asyncio.Event()

    def signal(self, source: Source, kind: Kind, server: str, what: str) -> None:
        """Add what a source says of a server, or of itself where `server` is empty."""
        self.record(Event.SIGNAL, source=source, kind=kind, server=server, what=what)

    def record(self, event: Event, **fields: Any) -> None:
        """Add one entry. Units are in the names of the fields."""
        self._seq += 1
        head = {"seq": self._seq, "time": round(self._wall(), 6), "monotonic": round(self._clock(), 6)}
        line = json.dumps({**head, "event": event, **fields})
        self._ring.append((self._seq, line))
        self._out.write(line + "\n")
        self._out.flush()
        news, self._news = self._news, asyncio.Event()
        news.set()

    def after(self, seq: int) -> Iterator[tuple[int, str]]:
        """Yield (seq, line) of the remembered entries after `seq`.

        Older ones may be gone from memory.
        """
        skipped = max(0, seq - (self._seq - len(self._ring)))
        return iter(list(islice(self._ring, skipped, None)))  # a copy: entries may come while it is read

    async def news(self) -> None:
        """Wait for the next entry."""
        await self._news.wait()
