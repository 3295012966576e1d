"""How a setting is declared once, as a field of a frozen dataclass, and read from the environment.

    @dataclass(frozen=True)
    class Settings:
        tick_s: float = setting(0.2, "time between two looks", within=(0.01, 60))

    Settings(**read(Settings, os.environ, "CONTROLLER_"))

The variable is the field's name in capitals behind the service's prefix, here CONTROLLER_TICK_S; a
setting of a group, which a person gives on make's command line, has no prefix. An empty variable
counts as unset: Compose passes a variable on without knowing its default. A variable that has the
service's prefix and is no setting is refused, since it is most likely misspelt.
"""

import difflib
import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any

UNITS = ("s", "ms", "bytes")
"""A setting whose name ends in one of these has this unit."""


class SettingError(ValueError):
    """A setting that cannot be used: the message names key, value and expectation."""


@dataclass(frozen=True)
class Setting:
    """One setting: what a person sees of it, and what a value has to be.

    `name` is its field, `env` its variable, `default` its text; `kind` makes the value from a text.
    A number has to be `within` both bounds (they are allowed), a text to be one of `choices` if
    there are any.
    """

    default: str
    help: str
    kind: type[Any]
    name: str = ""
    env: str = ""
    unit: str = ""
    group: str = ""
    within: tuple[float, float] = (-math.inf, math.inf)
    choices: tuple[str, ...] = ()

    def expectation(self) -> str:
        """Return in words what a value has to be."""
        if self.kind is bool:
            return "0 or 1"
        if self.choices:
            return "one of " + ", ".join(self.choices)
        words = {int: "a whole number", float: "a number"}.get(self.kind, "a text")
        bounds = zip(("from", "to"), self.within, strict=True)
        return words + "".join(f" {word} {at:.12g}" for word, at in bounds if math.isfinite(at))

    def value(self, text: str) -> Any:
        """Return a text as a value of the setting; raise SettingError where it is none."""
        try:
            value = {"0": False, "1": True}[text] if self.kind is bool else self.kind(text)
        except (ValueError, KeyError):
            value = None
        if value is None or not self._allows(value):
            unit = f" ({self.unit})" if self.unit else ""
            raise SettingError(f"{self.env}={text!r}: expected {self.expectation()}{unit}: {self.help}")
        return value

    def _allows(self, value: Any) -> bool:
        if isinstance(value, int | float):
            return math.isfinite(value) and self.within[0] <= value <= self.within[1]
        return not self.choices or value in self.choices


def setting(default: Any, help_text: str, *, kind: type[Any] | None = None, **more: Any) -> Any:
    """Declare one field of a settings class (typed Any, as dataclasses.field itself is).

    `more` are the other fields of Setting. `kind` is the default's own type, the unit that of the
    name's ending, and `env` follows from the name, where they are left out.
    """
    kind = kind or type(default)
    text = str(int(default)) if kind is bool else str(default)
    return field(default=kind(default), metadata={"setting": Setting(text, help_text, kind, **more)})


def declared(settings: type[Any], prefix: str) -> tuple[Setting, ...]:
    """Return the settings that a class declares."""
    return tuple(_named(each.name, each.metadata["setting"], prefix) for each in fields(settings))


def _named(name: str, what: Setting, prefix: str) -> Setting:
    env = what.env or ("" if what.group else prefix) + name.upper()
    ending = name.rpartition("_")[2]
    return replace(what, name=name, env=env, unit=what.unit or (ending if ending in UNITS else ""))


def read(
    settings: type[Any], environment: Mapping[str, str], prefix: str, *, allowed: Collection[str] = ()
) -> dict[str, Any]:
    """Return the values that the environment sets, by field.

    Raise SettingError for the first bad one.

    `allowed` names variables that have the prefix and are no settings.
    """
    known = {each.env: each for each in declared(settings, prefix)}
    for env in sorted(environment):
        if env.startswith(prefix) and env not in known and env not in allowed:
            closest = difflib.get_close_matches(env, known, n=1, cutoff=0.0)
            raise SettingError(f"{env} is not a setting; the closest is {closest[0]}")
    texts = {env: environment.get(env, "").strip() for env in known}
    return {each.name: each.value(texts[env]) for env, each in known.items() if texts[env]}
