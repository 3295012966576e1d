"""The load generator as a process: what ends it, and what is said where it does not begin."""

from pathlib import Path

import pytest

from lab.errors import GeneratorError
from lab.load import bodies, generator, spec
from lab.load.generator import Load
from lab.settings import Settings
from unit.lab.scripted_server import Reply, serving


def short(url: str) -> spec.LoadSpec:
    """Return a load of a second."""
    return spec.from_settings(Settings(target_url=url, pattern="constant", rate=10, duration_s=1))


def test_a_generator_without_bodies_ends_and_says_so(tmp_path: Path) -> None:
    """It does not run for ever without a user."""
    with serving(lambda *_: Reply()) as server, Load(tmp_path, short(server.url)) as load:
        load.wait(30)
        with pytest.raises(GeneratorError, match=r"ended with status 1: .*bodies\.json is missing"):
            load.running()
    assert not (tmp_path / "requests.csv").exists()


def test_a_generator_that_does_not_end_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(generator, "OVERTIME_S", -60.0)
    bodies.save(tmp_path, ["{}"])
    with (
        serving(lambda *_: Reply()) as server,
        Load(tmp_path, short(server.url)) as load,
        pytest.raises(GeneratorError, match="did not end"),
    ):
        load.running()
