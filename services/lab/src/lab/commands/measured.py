"""`lab measured`: draws docs/measured.md from the newest results, and keeps them beside it."""

import argparse
from pathlib import Path
from typing import Any

from lab.errors import RecordsError
from lab.records.folder import read_json, write_json
from lab.report import measured
from lab.settings import Settings

HELP = "draw docs/measured.md from the newest benchmark, experiments and comparison of this version"
SOURCES = "measured"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Take the folder of the documents."""
    parser.add_argument("docs", type=Path, help="the folder that gets measured.md and measured/")


def run(args: argparse.Namespace, settings: Settings) -> int:
    """Keep the newest results of each kind, and draw the page."""
    benches = newest_bench(settings)
    experiments = newest_per_topology(settings)
    comparisons = newest(settings, "*-compare/compare.json")[:1]
    if not (benches or experiments or comparisons):
        raise RecordsError(
            f"no result of version {base(settings.version)} in results/",
            remedy="make bench, make experiments on each topology, make loadtest-all",
        )
    folder = args.docs / SOURCES
    folder.mkdir(exist_ok=True)
    for old in folder.glob("*.json"):
        old.unlink()
    kept = {"bench": benches, "experiments": experiments, "comparison": comparisons}
    for name, content in kept.items():
        write_json(folder / f"{name}.json", content)
    (args.docs / "measured.md").write_text(measured.page(*kept.values()), encoding="utf-8")
    figures = sum(len(each["figures"]) for each in benches)
    counts = f"{figures} figures, {len(experiments)} topologies, {len(comparisons)} comparison"
    print(f"docs/measured.md: {counts}")
    return 0


def base(version: str) -> str:
    """Return a version without its commit."""
    return version.partition("+")[0]


def newest(settings: Settings, pattern: str) -> list[dict[str, Any]]:
    """Return the results of this version that match, the newest first."""
    paths = sorted(settings.results_dir.glob(pattern), key=lambda path: path.stat().st_mtime, reverse=True)
    contents = [read_json(path) for path in paths]
    version = base(settings.version)
    return [each for each in contents if base(each.get("made", {}).get("version", "")) == version]


def newest_bench(settings: Settings) -> list[dict[str, Any]]:
    """Return the measurements of the newest benchmark, in the order in which they were made."""
    folders = sorted(settings.results_dir.glob("*-bench"), reverse=True)
    results = (newest(settings, f"{folder.name}/*.json") for folder in folders)
    return next((each[::-1] for each in results if each), [])


def newest_per_topology(settings: Settings) -> list[dict[str, Any]]:
    """Return the newest experiments of each topology, by name.

    Of their measures, they keep those that the page shows.
    """
    results = newest(settings, "*-experiments/experiments.json")
    found = {each["topology"]: each for each in reversed(results)}
    shown = {measure for measure, _ in measured.COSTS}
    for each in found.values():
        for row in each["experiments"]:
            row["measures"] = {name: value for name, value in row["measures"].items() if name in shown}
    return [found[name] for name in sorted(found, key=lambda name: (name != "single", name))]
