"""Speaks to Docker, through the filter that permits faults; nothing else in the lab does.

Containers are named by their service (`predictor-1`): the filter knows them by name only.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any, Self

import docker
import docker.errors
import requests
from requests.adapters import HTTPAdapter
from urllib3.exceptions import HTTPError
from urllib3.util import Retry

from lab.errors import UnreachableError

TIMEOUT_S = 20
START_S = 5.0
POLL_S = 0.1
READ_RETRIES = 2


class Engine:
    """The containers of one Compose project, behind the filter at a URL."""

    def __init__(self, url: str, project: str) -> None:
        self.url = url
        self.project = project
        with self._asked("its version"):
            self._api = _connect(url)
        # Only the lab's own filter is spoken to: a proxy of the environment has no business here.
        self._api.trust_env = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._api.close()

    def container(self, service: str) -> str:
        """Return the name of a service's container."""
        return f"{self.project}-{service}-1"

    def status(self, service: str) -> str:
        """Return what Docker calls the status.

        Running, paused, exited, restarting, created or dead.
        """
        return str(self.inspect(service)["State"]["Status"])

    def inspect(self, service: str) -> dict[str, Any]:
        """Return all that Docker says of a service's container."""
        with self._asked(f"about {service}"):
            container: dict[str, Any] = self._api.inspect_container(self.container(service))
        return container

    def version(self) -> str:
        """Return the version of the Docker engine."""
        with self._asked("its version"):
            version: dict[str, Any] = self._api.version()
        return str(version["Version"])

    def kill(self, service: str, signal: str = "KILL") -> None:
        """Send a signal to a container.

        Docker takes KILL and TERM for a manual stop: no restart.
        """
        with self._asked(f"to kill {service}"):
            self._api.kill(self.container(service), signal=signal)

    def restart(self, service: str, grace_s: int) -> None:
        """Stop a container by its own signal (SIGKILL after `grace_s`) and start it.

        Returns when it runs.
        """
        with self._asked(f"to restart {service}"):
            self._api.restart(self.container(service), timeout=grace_s)

    def networks(self, service: str) -> frozenset[str]:
        """Return the project's networks that a container is on, by their names in Compose."""
        prefix = f"{self.project}_"
        networks = self.inspect(service)["NetworkSettings"]["Networks"]
        return frozenset(name.removeprefix(prefix) for name in networks if name.startswith(prefix))

    def disconnect(self, service: str, network: str) -> None:
        """Take a container off a network of the project: its address there is gone at once."""
        with self._asked(f"to take {service} off the network {network}"):
            name = self.container(service)
            self._api.disconnect_container_from_network(name, f"{self.project}_{network}", force=True)

    def connect(self, service: str, network: str) -> None:
        """Connect a container to a network of the project, under its names in Compose."""
        name = self.container(service)
        with self._asked(f"to connect {service} to the network {network}"):
            self._api.connect_container_to_network(name, f"{self.project}_{network}", aliases=[name, service])

    def cpu(self, service: str) -> tuple[int, int]:
        """Return a container's CPU quota and its period (us); a quota of 0 or less is none."""
        host = self.inspect(service)["HostConfig"]
        return int(host.get("CpuQuota") or 0), int(host.get("CpuPeriod") or 0)

    def set_cpu(self, service: str, quota_us: int, period_us: int) -> None:
        """Give a container `quota_us` of CPU time in each `period_us`; a quota of -1 is none."""
        with self._asked(f"to change the CPU quota of {service}"):
            self._api.update_container(self.container(service), cpu_period=period_us, cpu_quota=quota_us)

    def pause(self, service: str) -> None:
        """Freeze the processes of a service's container: it hangs, its connections stay open."""
        with self._asked(f"to pause {service}"):
            self._api.pause(self.container(service))

    def unpause(self, service: str) -> None:
        """Let a paused container go on."""
        with self._asked(f"to unpause {service}"):
            self._api.unpause(self.container(service))

    def start(self, service: str) -> None:
        """Start a stopped container; one that runs already is left alone."""
        with self._asked(f"to start {service}"):
            self._api.start(self.container(service))

    def log_stream(self, service: str, since: float, until: float | None = None) -> Iterator[str]:
        """Yield what a service wrote to its standard output between two times (epoch s).

        The lines come one by one: a log may be larger than memory.
        """
        with self._asked(f"for the log of {service}"):
            name = self.container(service)
            chunks: Iterator[bytes] = self._api.logs(
                name, stderr=False, stream=True, follow=False, since=since, until=until
            )
            try:
                yield from _lines(chunks)
            except HTTPError as error:
                # docker-py reads a stream below the layer that would make this error one of its
                # own.
                raise requests.ConnectionError(str(error)) from error

    def stats(self, service: str) -> dict[str, Any]:
        """Return one sample of a container's use of CPU and memory, as Docker counts it."""
        with self._asked(f"for the use of {service}"):
            sample: dict[str, Any] = self._api.stats(self.container(service), stream=False)
        return sample

    @contextlib.contextmanager
    def _asked(self, what: str) -> Iterator[None]:
        """Turn what the library raises into an UnreachableError that says what was asked."""
        try:
            yield
        except docker.errors.APIError as error:
            raise UnreachableError(
                f"Docker was asked {what} and refused: {error.explanation or error}",
                cause="the container does not exist, is not in the state for this, or the filter forbids it",
                remedy="make ps shows the containers",
            ) from error
        except (docker.errors.DockerException, requests.RequestException) as error:
            raise UnreachableError(
                f"Docker at {self.url} was asked {what} and did not answer: {type(error).__name__}",
                cause="the lab or its filter in front of Docker (fault-proxy) is not running",
                remedy="make up, then make ps",
            ) from error


def _connect(url: str) -> docker.APIClient:
    """Connect and ask for the version at once: an engine out of reach is an error here, not later.

    The filter is started together with the tool that needs it, and may take a moment.
    """
    deadline = time.monotonic() + START_S
    while True:
        try:
            client = docker.APIClient(
                base_url=url.replace("http://", "tcp://", 1), version="auto", timeout=TIMEOUT_S
            )
        except docker.errors.DockerException:
            if time.monotonic() >= deadline:
                raise
            time.sleep(POLL_S)
        else:
            # The filter closes idle connections: what only reads is asked again on a new one. POSTs
            # are not.
            client.mount("http://", HTTPAdapter(max_retries=Retry(total=READ_RETRIES)))
            return client


def _lines(chunks: Iterable[bytes]) -> Iterator[str]:
    """Yield the lines in pieces of bytes that may hold several, or a part of one."""
    rest = b""
    for chunk in chunks:
        *lines, rest = (rest + chunk).split(b"\n")
        yield from (line.decode(errors="replace") for line in lines)
    if rest:
        yield rest.decode(errors="replace")


def epoch_s(stamp: str) -> float:
    """Return Docker's "2025-01-31T10:20:30.123456789Z" in epoch s; 0 for "never" (year 1)."""
    return 0.0 if stamp.startswith("0001-") else datetime.fromisoformat(stamp).timestamp()
