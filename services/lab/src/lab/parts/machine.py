"""On what machine a measurement was made, as far as its numbers depend on it.

Names no host and no person.
"""

import os
import platform
from pathlib import Path

PROC = Path("/proc")
KIB_PER_GIB = 1 << 20


def look(proc: Path = PROC) -> dict[str, str]:
    """Return what the machine is: name -> text with its unit. What cannot be read is left out."""
    machine = {
        "architecture": platform.machine(),
        "kernel": platform.release(),
        "CPUs": str(os.cpu_count() or ""),
    }
    if model := _field(proc / "cpuinfo", "model name"):
        machine["CPU"] = model
    total_kib = _field(proc / "meminfo", "MemTotal").split(" ")[0]
    if total_kib.isdigit():
        machine["memory"] = f"{int(total_kib) / KIB_PER_GIB:.1f} GiB"
    return {name: text for name, text in machine.items() if text}


def _field(path: Path, name: str) -> str:
    """Return the first value of a name in a file of `name : value` lines.

    Empty where there is none.
    """
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return ""
    pairs = (line.partition(":") for line in lines)
    return next((value.strip() for key, _, value in pairs if key.strip() == name), "")
