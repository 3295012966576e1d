"""`lab measured`: draws docs/measured.md from the newest results of this version, kept beside it."""

import argparse
from pathlib import Path
from typing import Any

from lab.errors import RecordsError
from lab.records.folder import read_json, write_json
from lab.report import measured
from lab.settings import Settings

HELP = "draw docs/measured.md from the newest benchmark, experiments and comparison of this version"
SOURCES = "measured"
BENCH, EXPERIMENTS, COMPARISON = "*-bench/*.json", "*-experiments/experiments.json", "*-compare/compare.json"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Take the folder of the documents."""
    parser.add_argument("docs", type=Path, help="the folder that gets measured.md and measured/")


def run(args: argparse.Namespace, settings: Settings) -> int:
    """Keep the newest results of each kind, and draw the page."""
    benches = newest_bench(settings)
    experiments = newest_per_topology(settings)
    comparisons = newest(settings, COMPARISON)[:1]
    if not (benches or experiments or comparisons):
        raise RecordsError(
            f"no result of version {base(settings.version)} in results/",
            remedy="make bench, make experiments on each topology, make loadtest-all",
        )
    folder = args.docs / SOURCES
    folder.mkdir(exist_ok=True)
    for old in folder.glob("*.json"):
        old.unlink()
    for name, content in (
        ("bench.json", benches),
        ("experiments.json", experiments),
        ("comparison.json", comparisons),
    ):
        write_json(folder / name, content)
    (args.docs / "measured.md").write_text(measured.page(benches, experiments, comparisons), encoding="utf-8")
    print(
        f"docs/measured.md: {sum(len(each['figures']) for each in benches)} figures, "
        f"{len(experiments)} topologies, {len(comparisons)} comparison"
    )
    return 0


def base(version: str) -> str:
    """Return a version without its commit."""
    return version.partition("+")[0]


def newest(settings: Settings, pattern: str) -> list[dict[str, Any]]:
    """Return the results of this version that match, the newest first."""
    paths = sorted(settings.results_dir.glob(pattern), key=lambda path: path.stat().st_mtime, reverse=True)
    contents = [read_json(path) for path in paths]
    return [
        each for each in contents if base(each.get("made", {}).get("version", "")) == base(settings.version)
    ]


def newest_bench(settings: Settings) -> list[dict[str, Any]]:
    """Return the measurements of the newest benchmark, in the order in which they were made."""
    folders = sorted(settings.results_dir.glob("*-bench"), reverse=True)
    for folder in folders:
        found = newest(settings, f"{folder.name}/*.json")
        if found:
            return found[::-1]
    return []


def newest_per_topology(settings: Settings) -> list[dict[str, Any]]:
    """Return the newest experiments of each topology, by name; of their measures those that are shown."""
    found: dict[str, dict[str, Any]] = {}
    for each in newest(settings, EXPERIMENTS):
        found.setdefault(each["topology"], each)
    shown = {measure for measure, _ in measured.COSTS}
    for each in found.values():
        for row in each["experiments"]:
            row["measures"] = {name: value for name, value in row["measures"].items() if name in shown}
    return [found[name] for name in sorted(found, key=lambda name: (name != "single", name))]
