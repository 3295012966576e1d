"""Settings: read once, refused clearly."""

import dataclasses

import pytest

from hadr.declare import SettingError
from predictor.settings import SETTINGS, Settings


def test_each_field_is_listed_once_with_default_and_help() -> None:
    listed = {setting.env: setting for setting in SETTINGS}
    assert len(listed) == len(SETTINGS) == len(dataclasses.fields(Settings))
    assert all(setting.env.startswith("PREDICTOR_") and setting.help for setting in SETTINGS)
    assert listed["PREDICTOR_CONCURRENCY_LIMIT"].default == "16"
    assert listed["PREDICTOR_FAULTS"].default == "0"
    assert listed["PREDICTOR_GOLDEN_INTERVAL_S"].unit == "s"


def test_the_listed_defaults_are_the_ones_in_force() -> None:
    listed = {setting.env: setting.default for setting in SETTINGS if setting.default}
    assert Settings.load(listed) == Settings.load({})


def test_values_come_from_the_environment_with_their_type() -> None:
    settings = Settings.load(
        {"PREDICTOR_SLOTS": " 7 ", "PREDICTOR_DRAIN_S": "0.25", "PREDICTOR_FAULTS": "1", "OTHER": "x"}
    )
    assert (settings.slots, settings.drain_s, settings.faults) == (7, 0.25, True)


def test_an_empty_value_counts_as_unset() -> None:
    """Compose passes a variable on without knowing its default."""
    assert Settings.load({"PREDICTOR_COST_FACTOR": "", "PREDICTOR_FAULTS": " "}) == Settings.load({})


def test_without_a_name_the_host_names_the_predictor() -> None:
    assert Settings.load({}).name


@pytest.mark.parametrize(
    ("environ", "message"),
    [
        ({"PREDICTOR_PORT": "http"}, "PREDICTOR_PORT='http': expected a whole number from 0 to 65535"),
        ({"PREDICTOR_PORT": "65536"}, "expected a whole number from 0 to 65535"),
        ({"PREDICTOR_COST_FACTOR": "0"}, "PREDICTOR_COST_FACTOR='0': expected a whole number from 1"),
        ({"PREDICTOR_COST_FACTOR": "1.5"}, "expected a whole number"),
        ({"PREDICTOR_FALTS": "1"}, "PREDICTOR_FALTS is not a setting; the closest is PREDICTOR_FAULTS"),
        ({"PREDICTOR_DRAIN_S": "nan"}, "PREDICTOR_DRAIN_S='nan': expected a number from 0 to 60 (s)"),
        ({"PREDICTOR_DRAIN_S": "-1"}, "expected a number from 0 to 60 (s)"),
        ({"PREDICTOR_FAULTS": "yes"}, "PREDICTOR_FAULTS='yes': expected 0 or 1"),
        ({"PREDICTOR_NAME": "a\r\nx: y"}, "sent in the header X-Served-By"),
        (
            {"PREDICTOR_WORKERS": "8", "PREDICTOR_CONCURRENCY_LIMIT": "4"},
            "PREDICTOR_WORKERS=8: expected at most",
        ),
        (
            {"PREDICTOR_SLOTS": "8", "PREDICTOR_CONCURRENCY_LIMIT": "4"},
            "PREDICTOR_SLOTS=8: expected at most",
        ),
        ({"PREDICTOR_SERVICE_MS": "-1"}, "PREDICTOR_SERVICE_MS='-1': expected a number from 0 to 60000 (ms)"),
        ({"PREDICTOR_COST_FACTOR": "450"}, "set PREDICTOR_SERVICE_MS=0 for a cost in CPU time"),
    ],
)
def test_a_bad_value_is_refused_naming_key_value_and_expectation(
    environ: dict[str, str], message: str
) -> None:
    with pytest.raises(SettingError) as refused:
        Settings.load(environ)
    assert message in str(refused.value)
    assert "\n" not in str(refused.value)
