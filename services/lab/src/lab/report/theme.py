"""The colours of the report, light and dark, by name.

Figures and styles name a colour; the page chooses its value, and again when the reader's system changes.
Blue, orange, vermilion, green and purple are those of Okabe and Ito, which colour-blind people can tell
apart, shifted until text stands out 4.5 : 1 from its ground, and lines and bands 3 : 1.
"""

import re
from collections.abc import Mapping
from typing import Any

LIGHT: Mapping[str, str] = {
    "page": "#f5f7f9",
    "surface": "#ffffff",
    "ink": "#1b2127",
    "muted": "#56606b",
    "line": "#d5dbe1",
    "grid": "#e4e8ec",
    "link": "#0a5c94",
    "offered": "#6b7580",
    "served": "#0072b2",
    "p50": "#00805c",
    "p99": "#c24e00",
    "refused": "#b87900",
    "error": "#c8320a",
    "late": "#a8578a",
    "wrong": "#4a4f55",
    "lost": "#1b2127",
    "rotation": "#0072b2",
    "parked": "#9cc7e0",
    "starting": "#e69f00",
    "down": "#c8320a",
    "unknown": "#b9c1c9",
    "onband": "#ffffff",
    "onpale": "#1b2127",
    "fault": "#c8320a",
    "decision": "#7a3e9d",
    "good": "#00694c",
    "bad": "#b3260a",
    "warn": "#8a5a00",
}
DARK: Mapping[str, str] = {
    "page": "#12161a",
    "surface": "#1a2026",
    "ink": "#e6eaee",
    "muted": "#a3adb7",
    "line": "#343d46",
    "grid": "#2a323a",
    "link": "#7cc4f2",
    "offered": "#97a1ab",
    "served": "#56b4e9",
    "p50": "#3fc79a",
    "p99": "#f59a57",
    "refused": "#e9b949",
    "error": "#ff7a55",
    "late": "#dd92c0",
    "wrong": "#c9d0d6",
    "lost": "#ffffff",
    "rotation": "#4aa8dd",
    "parked": "#2c5873",
    "starting": "#e9b949",
    "down": "#f0663f",
    "unknown": "#4a545e",
    "onband": "#10151a",
    "onpale": "#e6eaee",
    "fault": "#ff7a55",
    "decision": "#c79be8",
    "good": "#4fd1a5",
    "bad": "#ff8a6b",
    "warn": "#e9b949",
}
TOKEN = re.compile(r"@(" + "|".join(sorted(LIGHT)) + r")@")


def resolved(content: Any, colours: Mapping[str, str]) -> Any:
    """Return a figure with the named colours put in; the page's script does the same."""
    if isinstance(content, str):
        return TOKEN.sub(lambda found: colours[found.group(1)], content)
    if isinstance(content, Mapping):
        return {key: resolved(value, colours) for key, value in content.items()}
    if isinstance(content, list | tuple):
        return [resolved(value, colours) for value in content]
    return content


def css(colours: Mapping[str, str]) -> str:
    """Return the colours as custom properties of a style sheet."""
    return " ".join(f"--{name}: {value};" for name, value in colours.items())
