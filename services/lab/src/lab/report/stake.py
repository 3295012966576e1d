"""What was at stake, and what a zero is worth.

The same sentences in the terminal and on the page. Pure.
"""

from lab.facts.intervals import at_most
from lab.facts.ledger import LOST, in_classes
from lab.report.folder import Raw
from lab.report.tables import milliseconds, number

WORDS = {
    "served": "served",
    "saved_by_retry": "saved by a retry",
    "late": "late",
    "shed": "shed",
    "wrong_answer": "answered wrong",
    "lost": "lost",
    "unknown": "of unknown fate",
    "other": "rejected",
}
ALWAYS = ("saved_by_retry", "lost")
"""Said even where there are none."""


def sentences(verdict: Raw, ledger: Raw) -> list[str]:
    """Return a sentence per stroke, then the bound of each zero."""
    exposure = verdict.get("exposure") or {}
    lines = [_stroke(stroke) for stroke in exposure.get("strokes") or ()]
    total = exposure.get("total") or {}
    if total.get("exposed") and not total["lost"]:
        lines.append(f"0 of {zero(int(total['exposed']), 'requests at stake')}")
    sent = int(ledger.get("sent") or 0)
    if sent and ledger.get("classes") and not in_classes(ledger, *LOST):
        lines.append(
            f"0 of {zero(sent, 'requests')}; of experiments this is one, and TRIALS=n bounds their share"
        )
    return lines


def zero(count: int, what: str) -> str:
    """Return what it is worth that none of so many was lost."""
    most = 100 * at_most(0, count)
    return f"{number(count)} {what} lost: at most {most:.2g} % (95 %), if requests fail independently"


def _stroke(stroke: Raw) -> str:
    name = f"{str(stroke['fault']).replace('_', ' ')} of {stroke['target']}"
    if stroke["exempt"]:
        return f"{name}: nothing at stake ({stroke['exempt']})"
    fates = [f"{stroke[key]} {text}" for key, text in WORDS.items() if stroke.get(key) or key in ALWAYS]
    span = milliseconds(1000 * (stroke["until_s"] - stroke["struck_s"]))
    return (
        f"{name}: {stroke['exposed']} requests at stake until {stroke['until']} ({span}): {', '.join(fates)}"
    )
