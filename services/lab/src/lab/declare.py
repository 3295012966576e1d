"""How a setting is declared once, as a dataclass field, and read from its variable's text."""

from dataclasses import Field, dataclass, field
from typing import Any

from lab.errors import SettingError


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
        """Say in words what a value has to be."""
        if self.choices:
            return "one of " + ", ".join(self.choices)
        words = {int: "a whole number", float: "a number"}.get(self.kind, "a text")
        if self.minimum is not None:
            words += f" from {self.minimum:g}"
        if self.maximum is not None:
            words += f" to {self.maximum:g}"
        return words

    def allows(self, value: Any) -> bool:
        """Tell whether the value is within the bounds or among the words."""
        if self.choices:
            return value in self.choices
        if self.minimum is not None and not value >= self.minimum:
            return False
        return self.maximum is None or value <= self.maximum


def setting(
    env: str,
    default: Any,
    help_text: str,
    *,
    unit: str = "",
    group: str = "lab",
    minimum: float | None = None,
    maximum: float | None = None,
    choices: tuple[str, ...] = (),
    kind: type[Any] | None = None,
) -> Any:
    """Declare one field of a settings class (typed Any, as dataclasses.field itself is).

    `kind` makes the value from the variable's text; it is the default's own type where it is left out.
    """
    declared = Setting(env, str(default), unit, help_text, group)
    rule = Rule(kind or type(default), minimum, maximum, choices)
    return field(default=rule.kind(default), metadata={"setting": declared, "rule": rule})


def parse(item: Field[Any], text: str) -> Any:
    """Turn one variable's text into the field's type, within the field's rule."""
    declared: Setting = item.metadata["setting"]
    rule: Rule = item.metadata["rule"]
    try:
        value = rule.kind(text)
        allowed = rule.allows(value)
    except ValueError:
        allowed = False
    if not allowed:
        unit = f" ({declared.unit})" if declared.unit else ""
        raise SettingError(f"{declared.env}={text!r}: expected {rule.expectation()}{unit}: {declared.help}")
    return value
