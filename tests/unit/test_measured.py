"""docs/measured.md is drawn from the results that lie beside it, all of this version.

None by hand.
"""

import json
import tomllib
from pathlib import Path
from typing import Any

from lab.report import measured

ROOT = Path(__file__).resolve().parents[2]
SOURCES = ROOT / "docs/measured"
MADE = {"command": "make bench", "version": "1.0+abc", "date": "2026-11-25", "machine": {"CPUs": "2"}}


def kept(name: str) -> list[dict[str, Any]]:
    content: list[dict[str, Any]] = json.loads((SOURCES / f"{name}.json").read_text(encoding="utf-8"))
    return content


def test_the_page_is_what_the_results_beside_it_give() -> None:
    page = measured.page(kept("bench"), kept("experiments"), kept("comparison"))
    assert (ROOT / "docs/measured.md").read_text(encoding="utf-8") == page


def test_each_result_is_of_this_version_and_says_how_it_was_made() -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    sources = [each for name in ("bench", "experiments", "comparison") for each in kept(name)]
    assert sources
    for each in sources:
        assert each["made"]["version"].startswith(version), each["made"]
        assert {"command", "date", "machine"} <= set(each["made"])


def test_a_row_states_n_what_was_left_out_and_what_never_came() -> None:
    figure = {
        "what": "kill to standby in rotation",
        "to_reach": "median under 40 ms",
        "unit": "ms",
        "result": float("inf"),
        "reached": False,
        "values": [25.0, float("inf")],
        "note": "1 of 3 trials left out (invalid: the generator fell behind)",
    }
    page = measured.page([{"made": MADE, "figures": [figure]}], [], [])
    assert "`make bench`, version 1.0+abc, 2026-11-25 (CPUs 2)." in page
    assert (
        "| kill to standby in rotation | median under 40 ms | never ms | 25 to never | 2 | "
        "1 of 3 trials left out (invalid: the generator fell behind) | **no** |" in page
    )


def test_a_verdict_stands_beside_what_it_cost() -> None:
    rows = [
        {"scenario": "hang", "verdict": "not met", "measures": {"lost": 169.0, "out_of_service_ms": 5100.0}},
        {"scenario": "slow", "verdict": "met", "measures": {"lost": 0.0, "late": "no request"}},
        {"scenario": "kill-two", "verdict": "not applicable", "measures": {}},
    ]
    page = measured.page([], [{"made": MADE, "topology": "single", "experiments": rows}], [])
    assert "| `hang` | **not met**: 169 lost, 5.1 s out |" in page
    assert "| `slow` | met |" in page
    assert "| `kill-two` | n/a |" in page
