"""docs/faults.md is complete: each fault with its places, parameters, bounds and end.

The examples work.
"""

import re
import sys
from pathlib import Path

import pytest

from lab import faults
from lab.faults import bad_input, kinds
from lab.faults.contract import LIMITS, Context, Fault, Parameter
from lab.parts.docker import Engine
from unit.lab.loopback_docker import docker

TEXT = (Path(__file__).resolve().parents[3] / "docs" / "faults.md").read_text(encoding="utf-8")


def rows(heading: str) -> dict[str, list[str]]:
    """Map the first cell of each row below a heading to the row's cells."""
    section = re.split(r"^##+ ", TEXT.split(f"\n{heading}\n", 1)[1], maxsplit=1, flags=re.MULTILINE)[0]
    cells = [
        [cell.strip() for cell in line.strip("|").split("|")] for line in section.splitlines() if "|" in line
    ]
    return {row[0].strip("`"): row for row in cells if row[0].startswith("`")}


def shown(name: str, parameter: Parameter) -> str:
    unit = f" {parameter.unit}" if parameter.unit else ""
    return f"`{name}` {parameter.default:g}{unit} ({parameter.minimum:g} to {parameter.maximum:g})"


@pytest.mark.parametrize("name", faults.names())
def test_a_fault_has_its_row_with_places_parameters_and_end(name: str) -> None:
    fault = faults.load(name)
    row = rows("## The faults").get(name)
    assert row, f"docs/faults.md has no row for `{name}`"
    parameters = "; ".join(shown(key, value) for key, value in fault.parameters.items()) or "-"
    assert row[2:] == [", ".join(fault.places), parameters, fault.limit]
    assert len(row[1]) > 10


def test_no_row_is_of_a_fault_that_is_gone() -> None:
    assert set(rows("## The faults")) == set(faults.names())


def test_each_way_to_end_is_explained() -> None:
    assert set(rows("## Who ends it")) == set(LIMITS)


def test_each_key_of_bad_input_is_explained() -> None:
    """The module's docstring and the table name the same keys."""
    docstring = " ".join((bad_input.__doc__ or "").split())
    keys = rows("## What came back from bad input")
    assert set(keys) == {
        "time", "fault", "request_id", "what", "bytes", "status", "server", "error", "took_ms"
    }  # fmt: skip
    assert all(key in docstring for key in keys)


EXAMPLES = re.findall(r"```python\n(.*?)```", TEXT, flags=re.DOTALL)


def loaded(number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Fault:
    """Put an example into a file of the folder, and load it as a fault."""
    name = f"example_{number}"
    (tmp_path / f"{name}.py").write_text(EXAMPLES[number], encoding="utf-8")
    monkeypatch.setattr(kinds, "__path__", [*kinds.__path__, str(tmp_path)])
    monkeypatch.delitem(sys.modules, f"{kinds.__name__}.{name}", raising=False)
    assert name in faults.names()
    return faults.load(name)


def test_the_fault_that_does_nothing_can_be_injected_and_undone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The defaults are complete."""
    fault = loaded(0, tmp_path, monkeypatch)
    with docker() as peer, Engine(peer.url, "lab") as engine:
        injection = fault.at(Context(engine), "predictor-1")
        assert fault.why_not(injection) == ""
        assert not fault.took_effect(injection)
        with fault.lasting(injection) as inject:
            inject()
            assert fault.took_effect(injection)
        assert fault.ended(injection)
        assert peer.asked == []
    assert not fault.lasts("predictor-1")


def test_the_switch_of_the_example_is_the_one_of_its_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file has a second parameter."""
    fault, real = loaded(1, tmp_path, monkeypatch), faults.load("latency")
    assert fault.detail == real.detail
    assert fault.limit == real.limit
    assert fault.parameters.items() < real.parameters.items()


def test_the_class_of_the_example_does_what_it_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Docker is asked for the signal."""
    fault = loaded(2, tmp_path, monkeypatch)
    with docker() as peer, Engine(peer.url, "lab") as engine:
        injection = fault.at(Context(engine), "predictor-1")
        assert fault.ended(injection)
        fault.inject(injection)
        assert peer.asked == ["kill"]
        assert not fault.ended(injection)


def test_no_example_is_left_out() -> None:
    """Each block of Python is tested above."""
    assert len(EXAMPLES) == 3
