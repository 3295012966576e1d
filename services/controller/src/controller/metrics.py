"""The controller's Prometheus metrics. Each name ends in its unit; times are in seconds."""

from collections import Counter as Tally

import prometheus_client
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from controller.model import Action, Observation, Policy
from controller.report import health

LATENCY_BUCKETS_S = (0.0005, 0.001, 0.002, 0.003, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5)


class Metrics:
    """All metrics, with the process's own (CPU, memory, open files), in a registry of their own."""

    def __init__(self) -> None:
        self.registry = own = CollectorRegistry()
        prometheus_client.ProcessCollector(registry=own)
        prometheus_client.PlatformCollector(registry=own)
        prometheus_client.GCCollector(registry=own)
        prefix = "hadr_controller"
        text = "Actions carried out"
        self._actions = Counter(f"{prefix}_actions", text, ("action", "result"), registry=own)
        text = "From waking up to the runtime commands applied, for rounds that acted"
        name = f"{prefix}_reaction_seconds"
        self._latency = Histogram(name, text, buckets=LATENCY_BUCKETS_S, registry=own)
        text = "Servers by role and health"
        self._servers = Gauge(f"{prefix}_servers", text, ("role", "health"), registry=own)
        text = "Servers that take requests and can answer"
        self._in_service = Gauge(f"{prefix}_servers_in_service", text, registry=own)
        text = "1 if the source answers"
        self._sources = Gauge(f"{prefix}_source_reachable", text, ("source",), registry=own)

    def acted(self, action: Action, *, ok: bool) -> None:
        """Count one action."""
        self._actions.labels(str(action.verb), "ok" if ok else "error").inc()

    def reacted(self, took_s: float) -> None:
        """Note how long a round took that changed something in HAProxy."""
        self._latency.observe(took_s)

    def observed(self, observation: Observation, policy: Policy) -> None:
        """Show the present."""
        tally = Tally(
            (str(server.role), health(server, observation.now, policy)) for server in observation.servers
        )
        self._servers.clear()
        for labels, count in tally.items():
            self._servers.labels(*labels).set(count)
        self._in_service.set(len(observation.in_service))
        self._sources.labels("haproxy").set(observation.haproxy_reachable)
        self._sources.labels("docker").set(observation.engine_reachable)

    def render(self) -> bytes:
        """Return the text format."""
        return prometheus_client.generate_latest(self.registry)
