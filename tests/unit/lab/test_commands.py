"""The lab's command line: finds its commands by itself; says what is wrong in one clear message."""

import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest

from lab import __main__ as lab
from lab.errors import LabError
from lab.settings import LOADTEST, SETTINGS
from unit.lab.scripted_server import Reply, serving
from unit.paths import PYTHONPATH
from unit.trained import model_file


def test_each_module_of_the_package_is_a_command_with_help_and_run() -> None:
    names = lab.command_names()
    assert {"loadtest", "compare", "report", "locust-ui"} <= set(names)
    for name in names:
        module = lab.load(name)
        assert module.HELP
        assert callable(module.run)


def test_help_lists_the_commands(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        lab.main(["--help"])
    output = capsys.readouterr().out
    for name in lab.command_names():
        assert name in output


def test_the_load_tests_variables_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert lab.main(["loadtest", "--help-variables"]) == 0
    output = capsys.readouterr().out
    for setting in SETTINGS:
        assert (setting.env in output.split()) == (setting.group == LOADTEST or setting.env == "TRIALS")


def test_a_lab_error_is_one_message_and_status_2(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("RATE", "fast")
    assert lab.main(["loadtest"]) == 2
    assert capsys.readouterr().err.startswith("lab loadtest: RATE='fast': expected a number")


def test_an_error_says_what_happened_why_and_what_to_do() -> None:
    error = LabError("it broke", cause="a cable", remedy="plug it in")
    assert error.message() == "it broke\n  likely cause: a cable\n  what to do:   plug it in"


def test_locusts_web_interface_loads_the_system_with_the_users_asked_for() -> None:
    """As in the browser: choose ClosedUsers, ask for 3, see requests counted.

    Printed is the host's port, whatever port it listens on.
    """
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with serving(lambda *_: Reply()) as server:
        variables = {
            "LAB_TARGET": server.url,
            "LAB_MODEL": str(model_file()),
            "LAB_UI_PORT": "18090",
            "LOCUST_WEB_PORT": str(port),  # Locust's own: its usual port may be in use here
            "THINK_S": "0.1",
            "PYTHONPATH": PYTHONPATH,
        }
        command = [sys.executable, "-m", "lab", "locust-ui"]
        with subprocess.Popen(
            command, env=os.environ | variables, stdout=subprocess.PIPE, text=True
        ) as process:
            try:
                with httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False) as browser:
                    wait_until_served(browser)
                    page = browser.get("/").text
                    choice = {"user_count": "3", "spawn_rate": "10", "user_classes": "ClosedUsers"}
                    browser.post("/swarm", data={**choice, "host": server.url}).raise_for_status()
                    until = time.monotonic() + 20
                    while len(server.requests) < 30 and time.monotonic() < until:
                        time.sleep(0.1)
                    stats = browser.get("/stats/requests").json()
            finally:
                process.terminate()
                output, _ = process.communicate(timeout=30)
    assert "OpenArrivals" in page
    assert len(server.requests) >= 30
    assert stats["user_count"] == 3
    assert stats["fail_ratio"] == 0
    assert "http://127.0.0.1:18090/ " in output


def test_locusts_own_command_line_finds_both_kinds_of_users() -> None:
    """The file at the top is all that it is given."""
    path = Path(__file__).parents[3] / "locust" / "locustfile.py"
    listed = subprocess.run(
        [sys.executable, "-m", "locust", "-f", str(path), "--list"],
        env=os.environ | {"PYTHONPATH": PYTHONPATH},
        capture_output=True,
        text=True,
        check=True,
    )
    assert {"ClosedUsers", "OpenArrivals"} <= set((listed.stdout + listed.stderr).split())


def wait_until_served(browser: httpx.Client) -> None:
    """Poll until the interface answers."""
    until = time.monotonic() + 30
    while True:
        try:
            browser.get("/").raise_for_status()
        except httpx.TransportError:
            if time.monotonic() > until:
                raise
            time.sleep(0.1)
        else:
            return
