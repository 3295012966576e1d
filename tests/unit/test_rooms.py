"""The tool's rooms: a room imports only rooms below it, so there is no cycle between packages.

docs/architecture.md draws the order; it is stated here once more, and both have to agree.
"""

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LAB = ROOT / "services/lab/src/lab"
# From the top floor down. What lies beside the packages (settings, errors) is the ground that all
# stand on.
ROOMS = (
    "commands", "bench", "report", "experiment", "facts", "faults", "load", "records", "topology", "parts",
)  # fmt: skip
GROUND = {"errors", "settings"}
MODULES = sorted(LAB.rglob("*.py"))


def imports(path: Path) -> Iterator[tuple[int, str]]:
    """Yield the line and the first part below `lab` of each import of the tool's own modules."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "lab":
            parts = (node.module or "").split(".")
            names = parts[1:2] or [alias.name for alias in node.names]
            yield from ((node.lineno, name) for name in names)
        elif isinstance(node, ast.Import):
            for alias in node.names:
                if alias.name.split(".")[0] == "lab":
                    yield node.lineno, ".".join(alias.name.split(".")[1:2])


def test_each_package_is_a_room() -> None:
    packages = {path.parent.name for path in LAB.glob("*/__init__.py")}
    assert packages == set(ROOMS)


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(LAB)))
def test_a_room_imports_only_rooms_below_it(path: Path) -> None:
    room = path.relative_to(LAB).parts[0]
    if room == "__main__.py":
        return
    allowed = GROUND | set(ROOMS[ROOMS.index(room) :] if room in ROOMS else ())
    upward = [f"line {line}: lab.{name}" for line, name in imports(path) if name not in allowed]
    assert not upward, f"{path.relative_to(LAB)} imports what lies above it: {upward}"


def test_the_document_draws_the_same_order() -> None:
    text = (ROOT / "docs/architecture.md").read_text(encoding="utf-8")
    drawn = re.findall(r"^ {4}([a-z]+)/ {2,}\S", text.partition("### The rooms of the tool")[2], re.MULTILINE)
    assert [name for name in drawn if name in ROOMS] == list(ROOMS)


def test_what_the_services_share_needs_the_standard_library_alone() -> None:
    """And there are two modules of it; whoever wants a third has to say why here."""
    shared = sorted((ROOT / "services/shared/hadr").glob("*.py"))
    assert [path.stem for path in shared] == ["__init__", "contract", "declare"]
    for path in shared:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            names += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            foreign = {name.split(".")[0] for name in names} - sys.stdlib_module_names
            assert not foreign, f"{path.name} imports {foreign}"
