"""Settings from the environment, checked; errors name key, value and expectation."""

import pytest

from lab.errors import SettingError
from lab.settings import SETTINGS, Settings


def test_defaults_hold_without_any_variable() -> None:
    settings = Settings.from_environment({})
    assert (settings.pattern, settings.rate, settings.limit_ms) == ("ramp", 10, 1000)


def test_an_empty_variable_counts_as_unset() -> None:
    assert Settings.from_environment({"RATE": "", "PATTERN": " "}) == Settings.from_environment({})


def test_users_select_the_closed_model() -> None:
    assert Settings.from_environment({"USERS": "5"}).pattern == "users"


def test_each_setting_is_declared_with_a_help_and_a_variable_of_its_own() -> None:
    assert len({setting.env for setting in SETTINGS}) == len(SETTINGS)
    assert all(setting.help for setting in SETTINGS)


@pytest.mark.parametrize(
    ("variables", "words"),
    [
        ({"RATE": "fast"}, ("RATE", "'fast'", "a number from 0.1", "requests/s")),
        ({"RATE": "-1"}, ("RATE", "'-1'", "from 0.1")),
        ({"RATE": "nan"}, ("RATE", "'nan'")),
        ({"SEED": "1.5"}, ("SEED", "a whole number")),
        ({"LAB_TARGTE": "http://x"}, ("LAB_TARGTE is not a setting", "LAB_TARGET")),
        ({"PATTERN": "wave"}, ("PATTERN", "'wave'", "ramp, constant, steps, spike, users")),
        ({"PATTERN": "users"}, ("PATTERN=users", "USERS")),
        ({"PATTERN": "ramp", "USERS": "3"}, ("USERS=3", "PATTERN=ramp")),
        ({"RATE": "1500"}, ("RATE=1500", "RATE_MAX=1000")),
        ({"LIMIT_MS": "6000"}, ("TIMEOUT_S=5", "LIMIT_MS=6000")),
        ({"PATTERN": "spike", "DURATION": "5"}, ("SPIKE_S=10", "DURATION=5")),
    ],
)
def test_a_bad_value_is_refused_with_key_value_and_expectation(
    variables: dict[str, str], words: tuple[str, ...]
) -> None:
    with pytest.raises(SettingError) as caught:
        Settings.from_environment(variables)
    for word in words:
        assert word in caught.value.message()
