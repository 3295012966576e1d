"""What really runs, asked of the parts themselves: versions, and how each container was started.

A result has to say under which limits and settings it was made. The lab's own environment tells
that only as long as nobody has changed it since `make up`; Docker and HAProxy know.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx

from lab.errors import UnreachableError
from lab.parts.controller import State
from lab.parts.docker import Engine
from lab.parts.predictors import Info
from lab.settings import Settings

SERVICES = ("haproxy", "controller")
"""Besides the servers."""
NOT_OURS = frozenset({"PATH", "HOME"})
PROXY = re.compile(r"(http|https|ftp|no|all)_proxy", re.IGNORECASE)
"""Docker's client may give each container the user's proxies: no setting of the lab, maybe a
password."""
UNKNOWN = "unknown"
TIMEOUT_S = 5.0


@dataclass(frozen=True)
class Running:
    """The versions that run, the containers by service, and by server how it serves.

    A sentence where one could not be asked.
    """

    docker: str = UNKNOWN
    haproxy: str = UNKNOWN
    model: str = UNKNOWN
    containers: dict[str, dict[str, Any]] | str = UNKNOWN
    service: dict[str, dict[str, Any]] = field(default_factory=dict)

    def versions(self) -> dict[str, str]:
        """Return the versions of the running system."""
        return {"docker": self.docker, "haproxy": self.haproxy, "model": self.model}


NOT_ASKED = Running()


def look(settings: Settings, state: State, servers: Mapping[str, Info]) -> Running:
    """Ask Docker and HAProxy; a part that does not answer is no reason to give up a measurement.

    `servers` is what the servers said of themselves.
    """
    haproxy = haproxy_version(settings.stats_url)
    model = ", ".join(sorted({info.model_version for info in servers.values()})) or UNKNOWN
    service = {name: info.as_json() for name, info in servers.items()}
    try:
        with Engine(settings.docker_url, settings.project) as engine:
            services = (*SERVICES, *(server.name for server in state.servers))
            containers = {service: container(engine.inspect(service)) for service in services}
            return Running(engine.version(), haproxy, model, containers, service)
    except UnreachableError as error:
        return Running(error.what, haproxy, model, error.what, service)


def container(found: dict[str, Any]) -> dict[str, Any]:
    """Return what matters of Docker's description of a container.

    Image, limits (0: none), environment.
    """
    host = found.get("HostConfig") or {}
    pairs = (pair.partition("=") for pair in (found.get("Config") or {}).get("Env") or ())
    return {
        "image": str(found.get("Image", "")),
        "cpu_period_us": int(host.get("CpuPeriod") or 0),
        "cpu_quota_us": int(host.get("CpuQuota") or 0),
        "memory_limit_bytes": int(host.get("Memory") or 0),
        "environment": {
            name: value
            for name, _, value in sorted(pairs)
            if name not in NOT_OURS and not PROXY.fullmatch(name)
        },
    }


def haproxy_version(stats_url: str) -> str:
    """Return HAProxy's version, or why it is not known."""
    try:
        reply = httpx.get(f"{stats_url}/metrics?scope=global", timeout=TIMEOUT_S, trust_env=False)
        text = reply.raise_for_status().text
    except httpx.HTTPError as error:
        return f"{UNKNOWN}: {stats_url}/metrics does not answer: {str(error) or type(error).__name__}"
    match = re.search(r'^haproxy_process_build_info\{[^}]*\bversion="([^"]+)"', text, re.MULTILINE)
    return match.group(1) if match else f"{UNKNOWN}: {stats_url}/metrics has no haproxy_process_build_info"
