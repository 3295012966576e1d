"""How a setting is declared once, as a field of a frozen dataclass, and read from the environment.

    @dataclass(frozen=True)
    class Settings:
        tick_s: float = setting("CONTROLLER_TICK_S", 0.2, "time between two looks", unit="s", minimum=0.01)

    Settings(**read(Settings, os.environ, "CONTROLLER_"))

An empty variable counts as unset: Compose passes a variable on without knowing its default. A variable
that has the service's prefix and is no setting is refused, since it is most likely misspelt.
"""

import difflib
import math
from collections.abc import Collection, Mapping
from dataclasses import Field, dataclass, field, fields
from typing import Any


class SettingError(ValueError):
    """A setting that cannot be used: the message names key, value and expectation."""


@dataclass(frozen=True)
class Setting:
    """One setting as a person sees it: its environment variable, default, unit and help."""

    env: str
    default: str
    unit: str
    help: str
    group: str


@dataclass(frozen=True)
class Rule:
    """What a value has to be: of a kind, within bounds (a number), or one of a few words."""

    kind: type[Any]
    minimum: float | None = None
    maximum: float | None = None
    choices: tuple[str, ...] = ()

    def expectation(self) -> str:
        """Return in words what a value has to be."""
        if self.kind is bool:
            return "0 or 1"
        if self.choices:
            return "one of " + ", ".join(self.choices)
        words = {int: "a whole number", float: "a number"}.get(self.kind, "a text")
        if self.minimum is not None:
            words += f" from {self.minimum:.12g}"
        if self.maximum is not None:
            words += f" to {self.maximum:.12g}"
        return words

    def value(self, text: str) -> Any:
        """Return a text as a value of the kind; raise ValueError where the rule does not allow it."""
        if self.kind is bool:
            return {"0": False, "1": True}[text]
        value = self.kind(text)
        if self.choices and value not in self.choices:
            raise ValueError(text)
        if isinstance(value, int | float) and not self._within(value):
            raise ValueError(text)
        return value

    def _within(self, number: float) -> bool:
        low = -math.inf if self.minimum is None else self.minimum
        high = math.inf if self.maximum is None else self.maximum
        return math.isfinite(number) and low <= number <= high


def setting(
    env: str,
    default: Any,
    help_text: str,
    *,
    unit: str = "",
    group: str = "",
    minimum: float | None = None,
    maximum: float | None = None,
    choices: tuple[str, ...] = (),
    kind: type[Any] | None = None,
) -> Any:
    """Declare one field of a settings class (typed Any, as dataclasses.field itself is).

    `minimum` and `maximum` are inclusive and in the setting's unit. `kind` makes the value from the
    variable's text; it is the default's own type where it is left out.
    """
    shown = str(int(default)) if isinstance(default, bool) else str(default)
    rule = Rule(kind or type(default), minimum, maximum, choices)
    declared = Setting(env, shown, unit, help_text, group)
    return field(default=rule.kind(default), metadata={"setting": declared, "rule": rule})


def declared(settings: type[Any]) -> tuple[Setting, ...]:
    """Return the settings that a class declares."""
    return tuple(each.metadata["setting"] for each in fields(settings))


def read(
    settings: type[Any], environment: Mapping[str, str], prefix: str, *, allowed: Collection[str] = ()
) -> dict[str, Any]:
    """Return the values that the environment sets, by field; raise SettingError for the first bad one.

    `allowed` names variables that have the prefix and are no settings.
    """
    names = [each.env for each in declared(settings)]
    for env in sorted(environment):
        if env.startswith(prefix) and env not in names and env not in allowed:
            closest = difflib.get_close_matches(env, names, n=1, cutoff=0.0)
            raise SettingError(f"{env} is not a setting; the closest is {closest[0]}")
    texts = {
        each.name: environment.get(each.metadata["setting"].env, "").strip() for each in fields(settings)
    }
    return {each.name: _parse(each, texts[each.name]) for each in fields(settings) if texts[each.name]}


def _parse(each: Field[Any], text: str) -> Any:
    what: Setting = each.metadata["setting"]
    rule: Rule = each.metadata["rule"]
    try:
        return rule.value(text)
    except (ValueError, KeyError):
        unit = f" ({what.unit})" if what.unit else ""
        message = f"{what.env}={text!r}: expected {rule.expectation()}{unit}: {what.help}"
        raise SettingError(message) from None
