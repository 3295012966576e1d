"""The filter in front of the Docker socket.

What the controller may do, and that it may do nothing else.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from driver import HAPROXY_IMAGE, PROJECT, compose, container, docker, eventually

pytestmark = pytest.mark.integration
P = "<project>"
"""In the name of a test for what differs from process to process; `ask` puts the project in its
place."""
OWN = f'{{"label":["com.docker.compose.project={P}"]}}'
OTHER = '{"label":["com.docker.compose.project=another"]}'
STRANGER = f"{P}-stranger"
FIRST = f"{P}-predictor-1-1"
NETWORK = f"/networks/{P}_serving"
QUOTA = '{"CpuPeriod": 100010, "CpuQuota": 3000}'
OFF = f'{{"Container": "{FIRST}", "Force": true}}'
ON = f'{{"Container": "{FIRST}", "EndpointConfig": {{"Aliases": ["{FIRST}", "predictor-1"]}}}}'


def ask(service: str, method: str, path: str, body: str = "") -> int:
    """The status that a proxy answers.

    Asked in its own container, by bash, since its image has no curl.
    """
    path, body = (text.replace(P, PROJECT) for text in (path, body))
    kind = "Content-Type: application/json\\r\\n"
    head = f"{method} %s HTTP/1.0\\r\\nHost: d\\r\\n{kind}Content-Length: {len(body)}\\r\\n\\r\\n%s"
    script = (
        f'exec 3<>/dev/tcp/127.0.0.1/2375; printf \'{head}\' "$1" "$2" >&3; '
        "read -r _ status _ <&3; echo $status"
    )
    answer = docker("exec", container(service), "bash", "-c", script, "bash", path, body)
    assert answer.isdigit(), f"{service} gave no answer to {method} {path}"  # it may have just been started
    return int(answer)


@pytest.fixture(scope="module", autouse=True)
def proxies() -> Iterator[None]:
    """Both filters, a stopped predictor of this project, and a container that belongs to nobody."""
    stranger = STRANGER.replace(P, PROJECT)
    docker("rm", "-f", stranger, check=False)
    compose("--profile tools down --volumes --remove-orphans", "single")
    try:
        compose("create --no-build predictor-1", "single")
        compose("--profile tools up -d --no-build docker-proxy fault-proxy", "single")
        docker("create", "--name", stranger, HAPROXY_IMAGE, "check")
        eventually(lambda: ask("docker-proxy", "GET", "/_ping") == 200, 20)
        eventually(lambda: ask("fault-proxy", "GET", "/_ping") == 200, 20)
        yield
    finally:
        docker("rm", "-f", stranger, check=False)
        compose("--profile tools down --volumes", "single")


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/version", 200),
        ("GET", "/v1.45/version", 200),
        ("GET", f"/v1.45/containers/json?all=1&filters={OWN}", 200),
        ("GET", f"/containers/json?filters={OWN.replace('[', '%5B').replace('{', '%7B')}", 200),
        ("GET", f"/containers/{P}-predictor-1-1/json", 200),
        ("GET", f"/containers/{P}-watchdog-1/json", 404),  # it passes; this topology's has not begun
        ("POST", f"/v1.45/containers/{P}-predictor-1-1/start", 204),
        ("POST", f"/containers/{P}-predictor-1-1/restart?t=1", 204),
        # Another project's, or everybody's, containers.
        ("GET", "/containers/json", 403),
        ("GET", f"/containers/json?filters={OTHER}", 403),
        ("GET", "/containers/json?filters={}", 403),
        ("GET", f"/containers/json?filters={{}}&filters={OWN}", 403),
        ("GET", "/events", 403),
        ("GET", f"/containers/{STRANGER}/json", 403),
        ("POST", f"/containers/{STRANGER}/start", 403),
        ("POST", f"/containers/{STRANGER}/restart", 403),
        ("POST", f"/containers/{P}-predictor-1-1%2f..%2f{STRANGER}/start", 403),
        ("POST", f"/containers/{P}-haproxy-1/restart", 403),
        # Names that begin alike: the containers of a project "<this>-other".
        ("GET", f"/containers/{P}-other-controller-1/json", 403),
        ("POST", f"/containers/{P}-other-predictor-1-1/start", 403),
        # The engine would decode the first name, and take it for the filter.
        ("GET", f"/containers/json?%66ilters={{}}&filters={OWN}", 403),
        ("GET", f"/events?since=1&%66ilters={{}}&filters={OWN}", 403),
        # A version of the interface in which `start` could carry a new configuration.
        ("POST", f"/v1.23/containers/{P}-predictor-1-1/start", 403),
        # This project's, but not what a controller needs.
        ("POST", "/containers/create", 403),
        ("POST", f"/containers/{P}-predictor-1-1/exec", 403),
        ("POST", f"/containers/{P}-predictor-1-1/kill", 403),
        ("POST", f"/containers/{P}-predictor-1-1/stop", 403),
        ("POST", f"/containers/{P}-predictor-1-1/update", 403),
        ("DELETE", f"/containers/{P}-predictor-1-1", 403),
        ("PUT", f"/containers/{P}-predictor-1-1/archive", 403),
        ("GET", f"/containers/{P}-predictor-1-1/logs", 403),
        ("GET", "/images/json", 403),
        ("GET", "/info", 403),
        ("POST", "/build", 403),
        ("GET", "/v1.45/../containers/json", 403),
    ],
)
def test_the_controller_may_do_this(method: str, path: str, status: int) -> None:
    assert ask("docker-proxy", method, path) == status


def test_a_permitted_action_may_not_carry_a_body() -> None:
    path = f"/containers/{P}-predictor-1-1/start"
    assert ask("docker-proxy", "POST", path, body='{"Privileged":true}') == 403


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", f"/containers/{P}-predictor-1-1/logs?stdout=1", 200),
        ("POST", f"/containers/{P}-predictor-1-1/kill", 204),
        ("POST", f"/containers/{STRANGER}/kill", 403),
        ("POST", f"/containers/{P}-other-controller-1/kill", 403),
        ("GET", f"/containers/{P}-other-controller-1/logs?stdout=1", 403),
        ("POST", f"/containers/{P}-predictor-1-1/exec", 403),
        ("DELETE", f"/containers/{P}-predictor-1-1", 403),
        ("POST", "/containers/create", 403),
    ],
)
def test_the_tools_that_inject_faults_may_do_this(method: str, path: str, status: int) -> None:
    docker("start", container("predictor-1"))
    assert ask("fault-proxy", method, path) == status


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        (f"/containers/{FIRST}/update", QUOTA, 200),
        (f"/containers/{FIRST}/update", QUOTA.replace("3000", "-1"), 200),
        (f"{NETWORK}/disconnect", OFF, 200),
        (f"{NETWORK}/connect", ON, 200),
        # More of a container than its CPU quota; another's quota; a quota that is none.
        (f"/containers/{FIRST}/update", QUOTA.replace("3000", "-2"), 403),
        (f"/containers/{FIRST}/update", QUOTA.replace("}", ', "Memory": 0}'), 403),
        (f"/containers/{FIRST}/update", '{"RestartPolicy": {"Name": "no"}}', 403),
        (f"/containers/{FIRST}/update", "", 403),
        (f"/containers/{FIRST}/update", QUOTA + " " * 20_000, 403),
        (f"/containers/{P}-haproxy-1/update", QUOTA, 403),
        (f"/containers/{STRANGER}/update", QUOTA, 403),
        # Another container, network or name.
        (f"{NETWORK}/disconnect", OFF.replace(FIRST, STRANGER), 403),
        (f"{NETWORK}/disconnect", OFF.replace(FIRST, f"{P}-haproxy-1"), 403),
        (f"{NETWORK}/connect", ON.replace(FIRST, STRANGER), 403),
        (f"{NETWORK}/connect", ON.replace('"predictor-1"', '"haproxy"'), 403),
        (f"/networks/{P}_engine/connect", ON, 403),
        ("/networks/bridge/connect", ON, 403),
        ("/networks/create", ON, 403),
    ],
)
def test_where_the_body_tells_what_happens_it_has_to_be_one_of_these(
    path: str, body: str, status: int
) -> None:
    """In this order: the first four undo each other."""
    docker("start", container("predictor-1"))
    assert ask("fault-proxy", "POST", path, body) == status
    assert ask("docker-proxy", "POST", path, body) == 403
