"""How a result came about, for settings.json: settings, versions, machine, what ran."""

import dataclasses
import importlib.metadata
import platform
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from lab.errors import UnreachableError
from lab.parts import machine, predictors, running
from lab.parts.controller import Controller, State
from lab.parts.predictors import Info
from lab.parts.running import NOT_ASKED, Running
from lab.records.folder import SETTINGS_FILE, write_json
from lab.settings import Settings


def made(settings: Settings, command: str) -> dict[str, Any]:
    """Return where a result that sums up several runs comes from.

    Command, version, date (UTC), machine.
    """
    today = datetime.now(UTC).date().isoformat()
    return {"command": command, "version": settings.version, "date": today, "machine": machine.look()}


def saved_settings(
    settings: Settings, state: State, started_s: float, found: Running = NOT_ASKED
) -> dict[str, Any]:
    """Return the content of settings.json as it is at the start."""
    values = {key: str(value) if isinstance(value, Path) else value for key, value in vars(settings).items()}
    packages = {name: importlib.metadata.version(name) for name in ("locust", "duckdb")}
    own = {"lab": settings.version, "python": platform.python_version(), **packages}
    return {
        "topology": state.topology,
        "service": found.service,
        "service_end": None,
        "started_s": started_s,
        "ended_s": None,
        "settings": values,
        "versions": own | found.versions(),
        "machine": machine.look(),
        "containers": found.containers,
        "state_start": dataclasses.asdict(state),
        "state_end": None,
    }


class Provenance:
    """settings.json of a run: written at its start, completed at its end."""

    def __init__(
        self, folder: Path, settings: Settings, state: State, servers: Mapping[str, Info], **more: Any
    ) -> None:
        self._path = folder / SETTINGS_FILE
        self._settings = settings
        found = running.look(settings, state, servers)
        self._content = saved_settings(settings, state, time.time(), found) | more
        self.service = found.service
        write_json(self._path, self._content)

    def complete(self) -> None:
        """Add the state after the load, and how the servers served, or why that is not known."""
        self._content["ended_s"] = time.time()
        try:
            with Controller(self._settings.controller_url) as controller:
                self._content["state_end"] = dataclasses.asdict(controller.state())
        except UnreachableError as error:
            self._content["state_end"] = error.what
        try:
            found = predictors.infos(self._settings.predictor_url, self.service)
            self._content["service_end"] = {name: info.as_json() for name, info in found.items()}
        except UnreachableError as error:
            self._content["service_end"] = error.what
        write_json(self._path, self._content)
