"""The predictor's metrics, each with its unit in its name."""

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    Info,
    PlatformCollector,
    ProcessCollector,
    generate_latest,
)

_BUCKETS_S = (0.00005, 0.0002, 0.001, 0.005, 0.01, 0.02, 0.03, 0.05, 0.1, 0.2, 0.35, 0.5, 1.0, 2.0, 5.0)


class Metrics:
    """One registry per predictor, so that several can live in one process."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        PlatformCollector(registry=self.registry)
        self.requests = Counter(
            "predictor_requests",
            "Requests to /predict by HTTP status of the reply; 499: the client left before it.",
            ["status"],
            registry=self.registry,
        )
        self._by_status: dict[int, Counter] = {}
        self.refusals = Counter(
            "predictor_refusals",
            "Requests refused with 429 because a limit was reached.",
            registry=self.registry,
        )
        self.candidates = Counter(
            "predictor_candidates", "Candidates that got a prediction.", registry=self.registry
        )
        self.in_progress = Gauge(
            "predictor_requests_in_progress", "Requests to /predict in progress.", registry=self.registry
        )
        self.inference = Histogram(
            "predictor_inference_seconds",
            "Time of one inference, its repetitions by the cost factor included, waiting excluded.",
            buckets=_BUCKETS_S,
            registry=self.registry,
        )
        self.queue = Histogram(
            "predictor_queue_seconds",
            "Time that an inference waited for a thread.",
            buckets=_BUCKETS_S,
            registry=self.registry,
        )
        self.ready = Gauge("predictor_ready", "1 while /health/ready answers 200.", registry=self.registry)
        self.info = Info("predictor", "Server, model version, cost factor and mode.", registry=self.registry)

    def count(self, status: int) -> None:
        """Count one reply of /predict."""
        if status not in self._by_status:  # looking up a label costs more than counting
            self._by_status[status] = self.requests.labels(str(status))
        self._by_status[status].inc()

    def exposition(self) -> bytes:
        """All metrics in Prometheus' text format."""
        return generate_latest(self.registry)
