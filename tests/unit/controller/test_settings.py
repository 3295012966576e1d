"""Settings come from the environment; a bad one names key, value and expectation."""

import pytest

from controller.model import Policy
from controller.settings import PREFIX, SETTINGS, Settings, load
from hadr.declare import SettingError


def test_defaults_are_those_of_the_policy() -> None:
    assert load({}) == Settings()
    assert load({}).policy == Policy()


def test_an_empty_variable_counts_as_not_set() -> None:
    """Compose passes on what the user did not set as an empty text."""
    assert load({"CONTROLLER_TOPOLOGY": ""}) == Settings()


def test_a_setting_is_read() -> None:
    settings = load({"CONTROLLER_STABLE_S": "2.5", "CONTROLLER_TOPOLOGY": "2-active", "OTHER": "x"})
    assert (settings.policy.stable_s, settings.topology) == (2.5, "2-active")


BAD = [
    (
        {"CONTROLLER_STABLE_S": "soon"},
        "CONTROLLER_STABLE_S='soon': expected a number from 0.001 to 86400",
    ),
    ({"CONTROLLER_RESERVE": "1"}, "CONTROLLER_RESERVE='1': expected a number from 0 to 0.95 (share)"),
    ({"CONTROLLER_WEIGHT": "300"}, "CONTROLLER_WEIGHT='300': expected a whole number from 1 to 256 (weight)"),
    ({"CONTROLLER_DOCKER_URL": "docker"}, "CONTROLLER_DOCKER_URL='docker': expected http://host:port"),
    (
        {"CONTROLLER_ALERT_TICK_S": "0.5"},
        "CONTROLLER_ALERT_TICK_S=0.5: expected at most CONTROLLER_TICK_S, which is 0.2",
    ),
    (
        {"CONTROLLER_START_PAUSE_S": "90"},
        "CONTROLLER_START_PAUSE_S=90: expected at most CONTROLLER_START_PAUSE_MAX_S, which is 60",
    ),
]


@pytest.mark.parametrize(("environment", "message"), BAD)
def test_a_bad_value_is_refused(environment: dict[str, str], message: str) -> None:
    with pytest.raises(SettingError) as error:
        load(environment)
    assert str(error.value).startswith(message)


def test_a_misspelt_setting_is_refused() -> None:
    with pytest.raises(SettingError, match="CONTROLLER_STABEL_S is not a setting"):
        load({"CONTROLLER_STABEL_S": "3"})


def test_each_setting_is_described_and_its_default_can_be_read_back() -> None:
    assert len({setting.env for setting in SETTINGS}) == len(SETTINGS) > 20
    for setting in SETTINGS:
        assert setting.env.startswith(PREFIX)
        assert setting.help
        assert setting.unit
    assert load({setting.env: setting.default for setting in SETTINGS}) == Settings()
