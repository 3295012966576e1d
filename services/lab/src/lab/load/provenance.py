"""How a result came about, for settings.json: settings, versions, machine, what ran."""

import dataclasses
import importlib.metadata
import platform
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from lab.parts import machine
from lab.parts.controller import State
from lab.parts.running import NOT_ASKED, Running
from lab.settings import Settings


def versions(settings: Settings, found: Running) -> dict[str, str]:
    """Return the versions that a result depends on: the lab's tool, and the system that runs."""
    packages = {name: importlib.metadata.version(name) for name in ("locust", "duckdb")}
    return {"lab": settings.version, "python": platform.python_version(), **packages, **found.versions()}


def made(settings: Settings, command: str) -> dict[str, Any]:
    """Return where a result that sums up several runs comes from: command, version, date (UTC), machine."""
    today = datetime.now(UTC).date().isoformat()
    return {"command": command, "version": settings.version, "date": today, "machine": machine.look()}


def saved_settings(
    settings: Settings, state: State, started_s: float, found: Running = NOT_ASKED
) -> dict[str, Any]:
    """Return the content of settings.json as it is at the start."""
    values = {key: str(value) if isinstance(value, Path) else value for key, value in vars(settings).items()}
    return {
        "topology": state.topology,
        "service": found.service,
        "service_end": None,
        "started_s": started_s,
        "ended_s": None,
        "settings": values,
        "versions": versions(settings, found),
        "machine": machine.look(),
        "containers": found.containers,
        "state_start": dataclasses.asdict(state),
        "state_end": None,
    }
