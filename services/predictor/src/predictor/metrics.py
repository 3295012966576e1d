"""The predictor's metrics, each with its unit in its name."""

from collections.abc import Iterator

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
from prometheus_client.core import CounterMetricFamily
from prometheus_client.registry import Collector

from .accelerator import Accelerator

_BUCKETS_S = (0.00005, 0.0002, 0.001, 0.005, 0.01, 0.02, 0.03, 0.05, 0.1, 0.2, 0.35, 0.5, 1.0, 2.0, 5.0)


class _Services(Collector):
    """The accelerator's own counts."""

    def __init__(self, accelerator: Accelerator) -> None:
        self._accelerator = accelerator

    def collect(self) -> Iterator[CounterMetricFamily]:
        """Yield the counts as they are now."""
        text = "Inferences that the emulated accelerator served."
        yield CounterMetricFamily("predictor_services", text, value=self._accelerator.services)
        text = "Of these, the ones that took over 10 % longer than stated; above 1 %, no figure counts."
        yield CounterMetricFamily("predictor_services_slow", text, value=self._accelerator.services_slow)


class Metrics:
    """One registry per predictor, so that several can live in one process."""

    def __init__(self, accelerator: Accelerator | None) -> None:
        self.registry = own = CollectorRegistry()
        if accelerator is not None:
            self.registry.register(_Services(accelerator))
        ProcessCollector(registry=own)
        PlatformCollector(registry=own)
        text = "Requests to /predict by HTTP status of the reply; 499: the client left before it."
        self.requests = Counter("predictor_requests", text, ["status"], registry=own)
        self._by_status: dict[int, Counter] = {}
        text = "Requests refused with 429 because a limit was reached."
        self.refusals = Counter("predictor_refusals", text, registry=own)
        text = "Candidates that got a prediction."
        self.candidates = Counter("predictor_candidates", text, registry=own)
        text = "Requests to /predict in progress."
        self.in_progress = Gauge("predictor_requests_in_progress", text, registry=own)
        text = "Time of one inference, its repetitions by the cost factor included, waiting excluded."
        self.inference = Histogram("predictor_inference_seconds", text, buckets=_BUCKETS_S, registry=own)
        text = "Time that an inference waited for a slot or a thread."
        self.queue = Histogram("predictor_queue_seconds", text, buckets=_BUCKETS_S, registry=own)
        self.ready = Gauge("predictor_ready", "1 while /health/ready answers 200.", registry=own)
        self.info = Info("predictor", "Server, model version, how it serves.", registry=own)

    def count(self, status: int) -> None:
        """Count one reply of /predict."""
        if status not in self._by_status:  # looking up a label costs more than counting
            self._by_status[status] = self.requests.labels(str(status))
        self._by_status[status].inc()

    def exposition(self) -> bytes:
        """All metrics in Prometheus' text format."""
        return generate_latest(self.registry)
