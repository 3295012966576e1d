"""What really runs, as a result's settings.json records it."""

import pytest

from lab.parts import docker as engine
from lab.parts.predictors import Info
from lab.parts.running import container, haproxy_version, look
from lab.settings import Settings
from unit.lab.journal_entries import state
from unit.lab.loopback_docker import STARTED, docker
from unit.lab.scripted_server import Reply, serving

SERVICE = {"kind": "emulated", "slots": 1, "service_ms": 20.0}
METRICS = b"""# TYPE haproxy_process_nbthread gauge
haproxy_process_nbthread 1
haproxy_process_build_info{version="3.0.11-1+deb13u2"} 1
"""


def test_limits_and_environment_are_dockers_words_without_what_is_not_the_labs() -> None:
    """PATH, HOME and the proxies of Docker's client are left out.

    A value may hold `=` and line ends.
    """
    assert container(STARTED) == {
        "image": "sha256:cafe",
        "cpu_period_us": 10_000,
        "cpu_quota_us": 3_000,
        "memory_limit_bytes": 268_435_456,
        "environment": {"BACKENDS": "a=b\nc", "EMPTY": "", "PREDICTOR_COST_FACTOR": "300"},
    }


def test_a_container_without_limits_has_zeros() -> None:
    """Docker's own word for no limit; an environment may be missing altogether."""
    assert container({"Image": "sha256:1", "HostConfig": {}, "Config": {"Env": None}}) == {
        "image": "sha256:1",
        "cpu_period_us": 0,
        "cpu_quota_us": 0,
        "memory_limit_bytes": 0,
        "environment": {},
    }


def test_every_part_is_asked() -> None:
    """HAProxy, the controller and each server; the versions of Docker, HAProxy and the model."""
    with docker() as peer, serving(lambda *_: Reply(body=METRICS)) as stats:
        settings = Settings(docker_url=peer.url, project="lab", stats_url=stats.url)
        found = look(
            settings, state(), {"predictor-1": Info("predictor-1", "1.2.0", [], SERVICE, 50.0, 7, 1)}
        )
    assert found.versions() == {"docker": "28.1", "haproxy": "3.0.11-1+deb13u2", "model": "1.2.0"}
    assert found.service == {
        "predictor-1": SERVICE | {"capacity_per_s": 50.0, "services": 7, "services_slow": 1}
    }
    assert list(found.containers) == ["haproxy", "controller", "predictor-1", "predictor-2", "predictor-3"]


def test_what_cannot_be_asked_is_recorded_as_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither Docker nor HAProxy is there: a measurement goes on without them."""
    monkeypatch.setattr(engine, "START_S", 0.0)
    found = look(Settings(docker_url="http://127.0.0.1:9", stats_url="http://127.0.0.1:9"), state(), {})
    assert found.containers == found.docker
    assert found.docker.startswith("Docker at http://127.0.0.1:9 was asked its version and did not answer")
    assert found.haproxy.startswith("unknown: http://127.0.0.1:9/metrics does not answer")
    assert found.model == "unknown"


@pytest.mark.parametrize(
    ("reply", "words"),
    [
        (Reply(body=b"haproxy_process_nbthread 1\n"), "has no haproxy_process_build_info"),
        (Reply(status=503, body=b""), "503"),
    ],
)
def test_metrics_without_a_version_say_so(reply: Reply, words: str) -> None:
    """Another HAProxy, or none that exports metrics."""
    with serving(lambda *_: reply) as stats:
        assert words in haproxy_version(stats.url)
