"""The predictor's settings: declared once, read from the environment, checked before anything starts."""

import math
import re
import socket
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from .errors import SettingError

_PREFIX = "PREDICTOR_"


@dataclass(frozen=True)
class Setting:
    """What the documentation says about one setting."""

    env: str
    default: str
    unit: str
    help: str


def _setting(
    default: float | str | bool,
    unit: str,
    help_text: str,
    low: float = -math.inf,
    high: float = math.inf,
) -> Any:
    """Declare one setting; `low` and `high` are inclusive and in the setting's unit."""
    return field(default=default, metadata={"unit": unit, "help": help_text, "low": low, "high": high})


@dataclass(frozen=True)
class Settings:
    """All settings of one predictor. Each field `x` is read from the environment variable PREDICTOR_X."""

    name: str = _setting("", "", "name in X-Served-By and the logs; empty: the host's name")
    host: str = _setting("0.0.0.0", "", "address to listen on")
    port: int = _setting(8000, "", "TCP port to listen on; 0: any free one", 0, 65535)
    model_path: str = _setting("/srv/predictor/model.onnx", "", "the model file, as written by train.py")
    service_ms: float = _setting(
        20.0,
        "ms",
        "mean service time of the emulated accelerator, for one candidate; 0: none, the bare model",
        0,
        60_000,
    )
    service_row_ms: float = _setting(1.0, "ms", "service time per further candidate of a list", 0, 60_000)
    service_cv: float = _setting(
        0.0, "", "coefficient of variation of the service time; 0: constant, above: gamma", 0, 10
    )
    service_seed: int = _setting(
        1, "", "with the server's name, the seed of its varying service times", 0, 2**31
    )
    slots: int = _setting(1, "inferences", "how many inferences the accelerator serves at a time", 1, 64)
    cost_factor: int = _setting(
        1,
        "",
        "without an accelerator: how many times each inference is repeated, to cost more CPU",
        1,
        1_000_000,
    )
    workers: int = _setting(1, "threads", "inference threads, used when an inference is not short", 1, 64)
    inline_limit_ms: float = _setting(
        1.0,
        "ms",
        "if the longest list would take less, measured at start, inference runs on the event loop",
        0,
        100,
    )
    concurrency_limit: int = _setting(
        16, "requests", "requests in progress; the next one is refused with 429", 1, 10_000
    )
    queue_limit_s: float = _setting(
        0.4,
        "s",
        "a request that would wait longer for a thread gets 429; below HAProxy's time-out",
        0,
        600,
    )
    max_candidates: int = _setting(100, "candidates", "longest list of candidates in one request", 1, 100_000)
    max_body_bytes: int = _setting(
        1_048_576, "bytes", "largest request body; a larger one gets 413", 1024, 2**30
    )
    body_timeout_s: float = _setting(5.0, "s", "time for a request's body to arrive; then 408", 0.01, 600)
    retry_after_s: int = _setting(1, "s", "Retry-After of a refusal", 0, 3600)
    golden_interval_s: float = _setting(0.5, "s", "pause between two checks of the golden inputs", 0.01, 60)
    golden_grace_s: float = _setting(
        1.0,
        "s",
        "time over the expected, after which a golden answer or a job counts as stuck",
        0.05,
        60,
    )
    golden_tolerance: float = _setting(
        0.0001, "probability", "largest deviation of a golden answer from its expected value", 1e-9, 0.1
    )
    keepalive_s: int = _setting(
        300, "s", "an idle connection is closed after this; above HAProxy's", 1, 86_400
    )
    drain_s: float = _setting(
        1.0, "s", "after SIGTERM: unready, but answering what arrives, so that HAProxy sees it go", 0, 60
    )
    stop_limit_s: int = _setting(
        3, "s", "after that: time for requests in progress before they are cut", 1, 60
    )
    faults: bool = _setting(False, "", "1: /faults exists, and the predictor misbehaves when told to")
    access_log: bool = _setting(True, "", "1: one JSON line per request to /predict on stdout")

    @classmethod
    def load(cls, environ: Mapping[str, str]) -> "Settings":
        """Read the settings from `environ`; raises SettingError for the first unusable value."""
        values: dict[str, Any] = {}
        for declared in fields(cls):
            # Empty counts as unset: Compose passes a variable on without knowing its default.
            text = environ.get(_PREFIX + declared.name.upper(), "").strip()
            if text:
                values[declared.name] = _parse(_PREFIX + declared.name.upper(), text, declared)
        if not values.get("name"):
            values["name"] = socket.gethostname()
        settings = cls(**values)
        settings.cross_check()
        return settings

    def cross_check(self) -> None:
        """Refuse values that are fine one by one and wrong together."""
        if not re.fullmatch(r"[A-Za-z0-9_.-]{1,64}", self.name):
            raise SettingError(
                f"{_PREFIX}NAME={self.name!r}: expected 1 to 64 letters, digits, '_', '.' or '-', "
                "because it is sent in the header X-Served-By"
            )
        if self.cost_factor > 1 and self.service_ms > 0:
            raise SettingError(
                f"{_PREFIX}COST_FACTOR={self.cost_factor}: expected 1 with {_PREFIX}SERVICE_MS="
                f"{self.service_ms:g}, because an emulated service takes the time that is stated; "
                f"set {_PREFIX}SERVICE_MS=0 for a cost in CPU time"
            )
        for name, number in (("SLOTS", self.slots), ("WORKERS", self.workers)):
            if number > self.concurrency_limit:
                raise SettingError(
                    f"{_PREFIX}{name}={number}: expected at most {_PREFIX}CONCURRENCY_LIMIT "
                    f"({self.concurrency_limit}), because what is above it never has work"
                )


def _parse(env: str, text: str, declared: Any) -> str | int | float | bool:
    """One setting's text as the type of its default; raises SettingError."""
    low, high = declared.metadata["low"], declared.metadata["high"]
    kind = type(declared.default)
    if kind is str:
        return text
    if kind is bool:
        if text not in ("0", "1"):
            raise SettingError(f"{env}={text!r}: expected 0 or 1")
        return text == "1"
    noun = "a whole number" if kind is int else "a number"
    unit = f" ({declared.metadata['unit']})" if declared.metadata["unit"] else ""
    expectation = f"expected {noun} from {low:g} to {high:g}{unit}"
    try:
        number: int | float = int(text) if kind is int else float(text)
    except ValueError:
        raise SettingError(f"{env}={text!r}: {expectation}") from None
    if not low <= number <= high:  # also refuses NaN, which compares false with everything
        raise SettingError(f"{env}={text!r}: {expectation}")
    return number


def _shown(default: Any) -> str:
    return str(int(default)) if isinstance(default, bool) else str(default)


SETTINGS: tuple[Setting, ...] = tuple(
    Setting(_PREFIX + f.name.upper(), _shown(f.default), f.metadata["unit"], f.metadata["help"])
    for f in fields(Settings)
)
