"""What load to send: made from what a person set, saved, read back."""

import json
from pathlib import Path

import pytest

from lab.errors import RecordsError
from lab.load import spec
from lab.records.folder import LOAD
from lab.settings import Settings


def test_a_load_is_what_a_person_set_and_is_read_back_as_it_was_saved(tmp_path: Path) -> None:
    asked = spec.from_settings(
        Settings.from_environment(
            {"USERS": "5", "RATE_MAX": "700", "LAB_TARGET": "http://x", "LIMIT_MS": "200"}
        )
    )
    assert (asked.pattern, asked.users, asked.rate_max_per_s) == ("users", 5, 700)
    assert (asked.target_url, asked.limit_ms) == ("http://x", 200)
    spec.save(tmp_path, asked)
    assert spec.read(tmp_path) == asked


@pytest.mark.parametrize("content", ["[]", '{"pattern": "ramp"}'])
def test_a_file_of_another_version_is_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / LOAD).write_text(content)
    with pytest.raises(RecordsError, match=r"load\.json does not have the keys of a load"):
        spec.read(tmp_path)


def test_a_key_more_is_refused_too(tmp_path: Path) -> None:
    spec.save(tmp_path, spec.from_settings(Settings()))
    content = json.loads((tmp_path / LOAD).read_text()) | {"rates": [1]}
    (tmp_path / LOAD).write_text(json.dumps(content))
    with pytest.raises(RecordsError, match="does not have the keys"):
        spec.read(tmp_path)
