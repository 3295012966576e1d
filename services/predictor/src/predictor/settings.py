"""The predictor's settings.

Declared once, read from the environment, checked before anything starts.
"""

import re
import socket
from collections.abc import Mapping
from dataclasses import dataclass

from hadr.declare import SettingError, declared, read, setting

_PREFIX = "PREDICTOR_"


@dataclass(frozen=True)
class Settings:
    """All settings of one predictor."""

    name: str = setting("", "name in X-Served-By and the logs; empty: the host's name")
    host: str = setting("0.0.0.0", "address to listen on")
    port: int = setting(8000, "TCP port to listen on; 0: any free one", within=(0, 65535))
    model_path: str = setting("/srv/predictor/model.onnx", "the model file, as written by train.py")
    service_ms: float = setting(
        20.0,
        "mean service time of the emulated accelerator, for one candidate; 0: none, the bare model",
        within=(0, 60_000),
    )
    service_row_ms: float = setting(1.0, "service time per further candidate of a list", within=(0, 60_000))
    service_cv: float = setting(
        0.0, "coefficient of variation of the service time; 0: constant, above: gamma", within=(0, 10)
    )
    service_seed: int = setting(
        1, "with the server's name, the seed of its varying service times", within=(0, 2**31)
    )
    slots: int = setting(
        1, "how many inferences the accelerator serves at a time", unit="inferences", within=(1, 64)
    )
    cost_factor: int = setting(
        1,
        "without an accelerator: how many times each inference is repeated, to cost more CPU",
        within=(1, 1_000_000),
    )
    workers: int = setting(
        1,
        "inference threads, used without an accelerator when an inference is not short",
        unit="threads",
        within=(1, 64),
    )
    inline_limit_ms: float = setting(
        1.0,
        "if the longest list would take less, measured at start, inference runs on the event loop",
        within=(0, 100),
    )
    concurrency_limit: int = setting(
        16, "requests in progress; the next one is refused with 429", unit="requests", within=(1, 10_000)
    )
    queue_limit_s: float = setting(
        0.4,
        "a request that would wait longer for its turn gets 429; below HAProxy's time-out",
        within=(0, 600),
    )
    max_candidates: int = setting(
        100, "longest list of candidates in one request", unit="candidates", within=(1, 100_000)
    )
    max_body_bytes: int = setting(
        1_048_576, "largest request body; a larger one gets 413", within=(1024, 2**30)
    )
    body_timeout_s: float = setting(5.0, "time for a request's body to arrive; then 408", within=(0.01, 600))
    retry_after_s: int = setting(1, "Retry-After of a refusal", within=(0, 3600))
    golden_interval_s: float = setting(
        0.5, "pause between two checks of the golden inputs", within=(0.01, 60)
    )
    golden_grace_s: float = setting(
        1.0, "time over the expected, after which a golden answer or a job counts as stuck", within=(0.05, 60)
    )
    golden_tolerance: float = setting(
        0.0001,
        "largest deviation of a golden answer from its expected value",
        unit="probability",
        within=(1e-9, 0.1),
    )
    keepalive_s: int = setting(
        300, "an idle connection is closed after this; above HAProxy's", within=(1, 86_400)
    )
    drain_s: float = setting(
        1.0, "after SIGTERM: unready, but answering what arrives, so that HAProxy sees it go", within=(0, 60)
    )
    stop_limit_s: int = setting(
        3, "after that: time for requests in progress before they are cut", within=(1, 60)
    )
    faults: bool = setting(False, "1: /faults exists, and the predictor misbehaves when told to")
    access_log: bool = setting(True, "1: one JSON line per request to /predict on stdout")

    @classmethod
    def load(cls, environ: Mapping[str, str]) -> "Settings":
        """Read the settings from `environ`; raises SettingError for the first unusable value."""
        values = read(cls, environ, _PREFIX)
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


SETTINGS = declared(Settings, _PREFIX)
