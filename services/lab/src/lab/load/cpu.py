"""How busy the machine and the generator are: a row of cpu.csv each second, by psutil.

The shares are of the whole machine, in a container too: what counts is whether anybody had CPU
left.
"""

import csv
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

from lab.records.folder import CPU_COLUMNS

SMOOTH_ROWS = 5


class CpuLog:
    """Samples to cpu.csv: idle share of the machine, generator's share of one core (in %)."""

    def __init__(self, path: Path, pid: int) -> None:
        self._process = psutil.Process(pid)
        self._begun = False
        self._file = path.open("x", newline="", encoding="utf-8")
        self._writer = csv.writer(self._file, lineterminator="\n")
        self._writer.writerow(CPU_COLUMNS)

    def sample(self) -> None:
        """Write the shares since the last call.

        The first one begins, so that the start is left out.
        """
        machine = psutil.cpu_times_percent()
        try:
            used = self._process.cpu_percent()
        except psutil.NoSuchProcess:
            used = 0.0
        if self._begun:
            idle = machine.idle + machine.iowait
            self._writer.writerow((f"{time.time():.3f}", f"{idle:.1f}", f"{used:.1f}"))
            self._file.flush()
        self._begun = True

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
