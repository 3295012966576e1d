"""How settings are declared and read, whichever service they belong to."""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from hadr.declare import SettingError, declared, read, setting


@dataclass(frozen=True)
class Settings:
    """One setting of each sort."""

    count: int = setting(4, "how many", unit="servers", within=(1, 1_048_576))
    pause_s: float = setting(0.5, "how long", within=(0, math.inf))
    free: float = setting(1.0, "any number")
    log: bool = setting(True, "write a log")
    order: str = setting("even", "in which order", choices=("even", "odd"), group="load")
    folder: Path = setting("/results", "where", kind=Path)
    target_url: str = setting("http://x", "where to", env="LAB_TARGET", unit="URL")


def values(**environment: str) -> dict[str, Any]:
    return read(Settings, environment, "LAB_", allowed=("LAB_RUN_OPTIONS",))


def test_what_is_not_set_or_empty_keeps_its_default() -> None:
    assert values() == values(LAB_COUNT="", LAB_PAUSE_S=" ", OTHER="x", LAB_RUN_OPTIONS="--rm") == {}
    assert Settings(**read(Settings, {}, "LAB_")) == Settings(
        4, 0.5, 1.0, True, "even", Path("/results"), "http://x"
    )


def test_what_is_set_is_read_as_its_kind() -> None:
    read_back = values(LAB_COUNT=" 7 ", LAB_PAUSE_S="1e1", LAB_LOG="0", ORDER="odd", LAB_FOLDER="/tmp")  # noqa: S108
    assert read_back == {
        "count": 7,
        "pause_s": 10.0,
        "log": False,
        "order": "odd",
        "folder": Path("/tmp"),  # noqa: S108
    }


@pytest.mark.parametrize(
    ("env", "text", "message"),
    [
        ("LAB_COUNT", "0", "LAB_COUNT='0': expected a whole number from 1 to 1048576 (servers): how many"),
        ("LAB_COUNT", "1048577", "LAB_COUNT='1048577': expected a whole number from 1 to 1048576 (servers)"),
        ("LAB_COUNT", "1.5", "LAB_COUNT='1.5': expected a whole number"),
        ("LAB_PAUSE_S", "soon", "LAB_PAUSE_S='soon': expected a number from 0 (s): how long"),
        ("LAB_PAUSE_S", "-1", "LAB_PAUSE_S='-1': expected a number from 0 (s)"),
        ("LAB_FREE", "nan", "LAB_FREE='nan': expected a number: any number"),
        ("LAB_FREE", "-inf", "LAB_FREE='-inf': expected a number"),
        ("LAB_LOG", "yes", "LAB_LOG='yes': expected 0 or 1: write a log"),
        ("ORDER", "random", "ORDER='random': expected one of even, odd: in which order"),
        ("LAB_CUONT", "3", "LAB_CUONT is not a setting; the closest is LAB_COUNT"),
        ("LAB_RUN_OPTION", "", "LAB_RUN_OPTION is not a setting"),
    ],
)
def test_a_bad_value_or_a_misspelt_name_is_refused(env: str, text: str, message: str) -> None:
    with pytest.raises(SettingError) as refused:
        values(**{env: text})
    assert str(refused.value).startswith(message)


def test_a_declaration_can_be_shown_and_its_default_read_back() -> None:
    shown = declared(Settings, "LAB_")
    names = ["LAB_COUNT", "LAB_PAUSE_S", "LAB_FREE", "LAB_LOG", "ORDER", "LAB_FOLDER", "LAB_TARGET"]
    assert [each.env for each in shown] == names
    assert [each.unit for each in shown] == ["servers", "s", "", "", "", "", "URL"]
    assert (shown[0].name, shown[0].default, shown[0].help) == ("count", "4", "how many")
    assert (shown[3].default, shown[4].group) == ("1", "load")
    assert Settings(**values(**{each.env: each.default for each in shown})) == Settings()
