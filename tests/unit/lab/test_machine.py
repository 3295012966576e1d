"""The machine of a measurement: what its numbers depend on, and nothing that names it."""

import platform
from pathlib import Path

from lab.parts import machine


def test_processor_and_memory_are_told_with_units(tmp_path: Path) -> None:
    (tmp_path / "cpuinfo").write_text("processor\t: 0\nmodel name\t: Fast CPU\n\nmodel name\t: Fast CPU\n")
    (tmp_path / "meminfo").write_text("MemTotal:       25165824 kB\nMemFree:  1 kB\n")
    found = machine.look(tmp_path)
    assert (found["CPU"], found["memory"]) == ("Fast CPU", "24.0 GiB")
    assert int(found["CPUs"]) >= 1


def test_what_cannot_be_read_is_left_out_and_the_host_is_not_named(tmp_path: Path) -> None:
    found = machine.look(tmp_path)
    assert {"architecture", "kernel"} <= set(found)
    assert not {"CPU", "memory"} & set(found)
    assert platform.node() not in machine.look().values()
