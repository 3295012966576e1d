"""How busy the machine and the generator are: a row of cpu.csv each second, from /proc.

/proc/stat shows the whole machine in a container too: what counts is whether anybody had CPU left.
"""

import csv
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from lab.records import CPU_COLUMNS

SMOOTH_ROWS = 5


@dataclass(frozen=True)
class Ticks:
    """Clock ticks since boot: idle and all of the machine's CPUs, and one process's."""

    idle: int
    total: int
    process: int
    mono_s: float


def read_ticks(pid: int) -> Ticks:
    """Read the machine's and a process's ticks; those of a process that is gone are 0."""
    machine = [int(value) for value in Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]]
    try:
        # The second field, the program's name in parentheses, may hold spaces.
        process = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        used = int(process[11]) + int(process[12])
    except (FileNotFoundError, ProcessLookupError):
        used = 0
    idle_and_waiting = machine[3] + machine[4]
    return Ticks(idle_and_waiting, sum(machine), used, time.monotonic())


class CpuLog:
    """Samples to cpu.csv: idle share of the machine, the generator's share of one core (100: all of it)."""

    def __init__(self, path: Path, pid: int) -> None:
        self._pid = pid
        self._last: Ticks | None = None
        self._file = path.open("x", newline="", encoding="utf-8")
        self._writer = csv.writer(self._file, lineterminator="\n")
        self._writer.writerow(CPU_COLUMNS)

    def sample(self) -> None:
        """Write the shares since the last call; the first one begins, so that the start is left out."""
        last, now = self._last, read_ticks(self._pid)
        if last is None:
            self._last = now
            return
        total, span_s = now.total - last.total, now.mono_s - last.mono_s
        if total <= 0 or span_s <= 0:
            return
        idle = 100 * (now.idle - last.idle) / total
        used_s = max(now.process - last.process, 0) / os.sysconf("SC_CLK_TCK")
        self._writer.writerow((f"{time.time():.3f}", f"{idle:.1f}", f"{100 * used_s / span_s:.1f}"))
        self._file.flush()
        self._last = now

    def close(self) -> None:
        """Close the file."""
        self._file.close()


@dataclass(frozen=True)
class CpuUse:
    """The CPU of a run, in %; None where nothing was sampled."""

    samples: int
    idle_mean_percent: float | None
    idle_lowest_percent: float | None  # the lowest mean of 5 samples in a row
    generator_highest_percent: float | None  # of one core: the highest mean of 5 samples in a row


NOT_SAMPLED = CpuUse(0, None, None, None)


def cpu_use(path: Path) -> CpuUse:
    """Summarise cpu.csv."""
    if not path.is_file():
        return NOT_SAMPLED
    with path.open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.reader(file) if len(row) == len(CPU_COLUMNS) and row[0] != CPU_COLUMNS[0]]
    if not rows:
        return NOT_SAMPLED
    idle, used = [float(row[1]) for row in rows], [float(row[2]) for row in rows]
    return CpuUse(len(rows), sum(idle) / len(idle), min(_means(idle)), max(_means(used)))


def _means(values: Sequence[float]) -> list[float]:
    """Return the mean of each 5 values in a row; of all, where there are fewer."""
    width = min(SMOOTH_ROWS, len(values))
    return [sum(values[start : start + width]) / width for start in range(len(values) - width + 1)]
