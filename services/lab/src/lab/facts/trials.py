"""What several trials of a scenario say together. Pure: results in, the content of trials.json out.

A trial is left out only for a reason that has nothing to do with how it came out: it could not run,
or its records or the machine do not allow a judgement. What is left out is counted, with the
reason. A time that should have been measured and never came ("no standby was promoted") counts as
infinite, so a median that needs it is `never`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from lab.facts.intervals import LEVEL, at_most, share, spread
from lab.facts.judge import MET, NOT_MET, Judged, Verdict
from lab.facts.measures import number

NEVER = "never"
COUNTED = (MET, NOT_MET)


@dataclass(frozen=True)
class Result:
    """One trial: `folder` is the name of its records, empty if it did not begin."""

    verdict: str
    because: tuple[str, ...]
    folder: str = ""
    expectations: tuple[Judged, ...] = ()
    measures: Mapping[str, float | str] = field(default_factory=dict)
    exposure: Mapping[str, Any] = field(default_factory=dict)

    @property
    def counts(self) -> bool:
        """Return whether the trial says something about the system."""
        return self.verdict in COUNTED


def result(verdict: Verdict, folder: str) -> Result:
    """Return the result of a trial that has a verdict."""
    said = (verdict.expectations, verdict.measures, verdict.exposure)
    return Result(verdict.verdict, verdict.because, folder, *said)


def summary(results: Sequence[Result], planned: int) -> dict[str, Any]:
    """Return the content of trials.json; intervals at 95 %."""
    counted = [each for each in results if each.counts]
    met = sum(each.verdict == MET for each in counted)
    return {
        "level": LEVEL,
        "planned": planned,
        "n": len(counted),
        "trials": [
            {"folder": each.folder, "verdict": each.verdict, "because": each.because} for each in results
        ],
        "left_out": _left_out(results, planned),
        "met": asdict(share(met, len(counted))) if counted else None,
        "measures": _measures(counted),
        "exposure": _exposure(counted),
    }


def _left_out(results: Sequence[Result], planned: int) -> list[dict[str, Any]]:
    """Return who does not count, and why."""
    found = [
        {"trial": number, "verdict": each.verdict, "because": "; ".join(each.because)}
        for number, each in enumerate(results, 1)
        if not each.counts
    ]
    absent = range(len(results) + 1, planned + 1)
    return found + [
        {"trial": number, "verdict": "not run", "because": "the series ended"} for number in absent
    ]


def _measures(counted: Sequence[Result]) -> dict[str, Any]:
    """Return each expected measure over the trials.

    For each its values, and how many of them broke what is expected.
    """
    rows: dict[str, list[Judged]] = {}
    for each in counted:
        for judged in each.expectations:
            rows.setdefault(judged.text, []).append(judged)
    return {name: _measure(judged) for name, judged in rows.items() if any(_asked(one) for one in judged)}


def _asked(judged: Judged) -> bool:
    return number(judged.measured) is not None


def _measure(rows: Sequence[Judged]) -> dict[str, Any]:
    values = [value for each in rows if (value := number(each.measured)) is not None]
    broken = sum(not each.met for each in rows if _asked(each))
    found = {key: _json(value) for key, value in asdict(spread(values)).items()}
    return {
        "unit": rows[0].unit,
        "expected": rows[0].expected,
        "values": [_json(value) for value in values],
        "without_value": len(rows) - len(values),
        "broken": broken,
        "broken_at_most": at_most(broken, len(values)),
        **found,
    }


def _json(value: float | None) -> float | str | None:
    return NEVER if value is not None and math.isinf(value) else value


def _exposure(counted: Sequence[Result]) -> dict[str, int]:
    """Return what was at stake in all trials together."""
    totals: dict[str, int] = {}
    for each in counted:
        for key, value in (each.exposure.get("total") or {}).items():
            totals[key] = totals.get(key, 0) + int(value)
    return totals
