"""docs/faults.md is complete: each fault with its places, parameters, bounds and end; the example works."""

import re
from pathlib import Path

import pytest

from lab import faults
from lab.faults import Parameter, bad_input, kinds

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
    parameters = "; ".join(shown(key, value) for key, value in fault.PARAMETERS.items()) or "-"
    assert row[2:] == [", ".join(fault.PLACES), parameters, fault.LIMIT]
    assert len(row[1]) > 10


def test_no_row_is_of_a_fault_that_is_gone() -> None:
    assert set(rows("## The faults")) == set(faults.names())


def test_each_way_to_end_is_explained() -> None:
    assert set(rows("## Who ends it")) == set(faults.LIMITS)


def test_each_key_of_bad_input_is_explained() -> None:
    """The module's docstring and the table name the same keys."""
    docstring = " ".join((bad_input.__doc__ or "").split())
    keys = rows("## What came back from bad input")
    assert set(keys) == {
        "time", "fault", "request_id", "what", "bytes", "status", "server", "error", "took_ms"
    }  # fmt: skip
    assert all(key in docstring for key in keys)


def test_the_example_is_a_complete_fault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Put into the folder it is found, loaded, and offers all parts."""
    (example,) = re.findall(r"```python\n(.*?)```", TEXT, flags=re.DOTALL)
    (tmp_path / "nothing_at_all.py").write_text(example, encoding="utf-8")
    monkeypatch.setattr(kinds, "__path__", [*kinds.__path__, str(tmp_path)])
    assert "nothing_at_all" in faults.names()
    fault = faults.load("nothing_at_all")
    assert fault.took_effect(None, "predictor-1", {})  # type: ignore[arg-type]
    assert faults.complete("nothing_at_all") == {}
    assert fault.LIMIT in faults.LIMITS
    assert not faults.lasts("nothing_at_all", "predictor-1")
