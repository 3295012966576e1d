"""The colours of the report, light and dark, by name.

Figures and styles name a colour; the page chooses its value, and again when the reader's system
changes. Blue, orange, vermilion, green and purple are those of Okabe and Ito, which colour-blind
people can tell apart, shifted until text stands out 4.5 : 1 from its ground, and lines and bands 3
: 1.
"""

from collections.abc import Mapping

COLOURS = {
    # Name: light, dark.
    "page": ("#f5f7f9", "#12161a"),
    "surface": ("#ffffff", "#1a2026"),
    "ink": ("#1b2127", "#e6eaee"),
    "muted": ("#56606b", "#a3adb7"),
    "line": ("#d5dbe1", "#343d46"),
    "grid": ("#e4e8ec", "#2a323a"),
    "link": ("#0a5c94", "#7cc4f2"),
    "offered": ("#6b7580", "#97a1ab"),
    "served": ("#0072b2", "#56b4e9"),
    "p50": ("#00805c", "#3fc79a"),
    "p99": ("#c24e00", "#f59a57"),
    "refused": ("#b87900", "#e9b949"),
    "error": ("#c8320a", "#ff7a55"),
    "late": ("#a8578a", "#dd92c0"),
    "wrong": ("#4a4f55", "#c9d0d6"),
    "lost": ("#1b2127", "#ffffff"),
    "rotation": ("#0072b2", "#4aa8dd"),
    "parked": ("#9cc7e0", "#2c5873"),
    "starting": ("#e69f00", "#e9b949"),
    "down": ("#c8320a", "#f0663f"),
    "unknown": ("#b9c1c9", "#4a545e"),
    "onband": ("#ffffff", "#10151a"),
    "onpale": ("#1b2127", "#e6eaee"),
    "fault": ("#c8320a", "#ff7a55"),
    "decision": ("#7a3e9d", "#c79be8"),
    "good": ("#00694c", "#4fd1a5"),
    "bad": ("#b3260a", "#ff8a6b"),
    "warn": ("#8a5a00", "#e9b949"),
}
LIGHT = {name: light for name, (light, _) in COLOURS.items()}
DARK = {name: dark for name, (_, dark) in COLOURS.items()}


def css(colours: Mapping[str, str]) -> str:
    """Return the colours as custom properties of a style sheet."""
    return " ".join(f"--{name}: {value};" for name, value in colours.items())
