"""The keys of a scenario file, each declared once: kind, unit, bounds, default, help."""

from __future__ import annotations

from dataclasses import dataclass

PATTERNS = ("constant", "spike", "ramp", "none")
TARGET_WORDS = (
    "active, standby, any, all, region, region:NAME, predictor-N, controller, haproxy, docker-proxy, client "
    "(several with commas between)"
)
NUMBER, INTEGER, TEXT, WORD, TARGETS, MAPPING, LIST = (
    "number", "whole number", "text", "word", "target", "mapping", "list",
)  # fmt: skip


@dataclass(frozen=True)
class Key:
    """One key of a section. Without a default it has to be there, unless it is `optional`."""

    section: str
    name: str
    kind: str
    help: str
    default: float | str | None = None
    unit: str = ""
    minimum: float = 0.0
    maximum: float = 1e9
    choices: tuple[str, ...] = ()
    optional: bool = False

    def expectation(self) -> str:
        """Say in words what a value has to be."""
        if self.choices:
            return "one of " + ", ".join(self.choices)
        if self.kind == TARGETS:
            return TARGET_WORDS
        if self.kind in (NUMBER, INTEGER):
            unit = f" ({self.unit})" if self.unit else ""
            return f"a {self.kind} from {self.minimum:g} to {self.maximum:g}{unit}"
        return f"a {self.kind}"


KEYS: tuple[Key, ...] = (
    Key("", "description", TEXT, "what happens in this scenario, in one line"),
    Key("", "steady", MAPPING, "when the system counts as steady", optional=True),
    Key("", "load", MAPPING, "what the clients send"),
    Key("", "faults", LIST, "what is done to whom, and when; may be empty"),
    Key("", "expect", MAPPING, "what is to hold: a measure and its bound in each line; {}: recovery alone"),
    Key("", "abort", MAPPING, "the damage at which everything is undone at once"),
    Key("", "recovery", MAPPING, "when the system counts as recovered, and how soon", optional=True),
    Key(
        "steady", "within_s", NUMBER,
        "how long the controller is given to call the system steady before the start",
        default=30.0, unit="s", maximum=600,
    ),
    Key(
        "steady", "failed_percent", NUMBER,
        "steady under load: at most this share of the requests before the first fault failed",
        default=0.0, unit="%", maximum=100,
    ),
    Key(
        "steady", "p95_ms", NUMBER,
        "steady under load: 95 % of these requests are answered within this",
        default=500.0, unit="ms", minimum=1, maximum=60000,
    ),
    Key(
        "load", "pattern", WORD,
        "constant; spike: the peak for peak_s from the time 0 on; ramp: grows to the peak until the time "
        "0; none: nothing is sent, and nothing can be expected but the recovery",
        default="constant", choices=PATTERNS,
    ),
    Key(
        "load", "share", NUMBER,
        "the rate as a share of what all active servers carry (capacity_per_s in /info)",
        unit="1", minimum=0.001, maximum=20, optional=True,
    ),
    Key(
        "load", "share_of_survivors", NUMBER,
        "the rate as a share of what is left in service: as many servers as are not struck, standbys in "
        "the place of actives, but never more than there are active servers",
        unit="1", minimum=0.001, maximum=20, optional=True,
    ),
    Key("load", "rate", NUMBER, "the rate", unit="requests/s", minimum=0.1, maximum=20000, optional=True),
    Key(
        "load", "peak_share", NUMBER,
        "the peak's rate, as a share like share",
        unit="1", minimum=0.001, maximum=20, optional=True,
    ),
    Key(
        "load", "peak_rate", NUMBER,
        "the peak's rate",
        unit="requests/s", minimum=0.1, maximum=20000, optional=True,
    ),
    Key(
        "load", "peak_s", NUMBER,
        "how long a spike lasts",
        unit="s", minimum=0.1, maximum=3600, optional=True,
    ),
    Key(
        "load", "before_s", NUMBER,
        "how long the load runs before the time 0",
        default=5.0, unit="s", minimum=1, maximum=600,
    ),
    Key(
        "load", "after_s", NUMBER,
        "how long the load goes on once the system has recovered",
        default=2.0, unit="s", maximum=600,
    ),
    Key("faults", "fault", WORD, "what is done: a file of lab/faults/kinds/"),
    Key("faults", "target", TARGETS, "to whom; a role is resolved when the experiment starts"),
    Key(
        "faults", "count", INTEGER,
        "how many of the target at once, drawn from SEED; all of them where it is left out; not with all or "
        "region",
        unit="servers", minimum=1, maximum=100, optional=True,
    ),
    Key(
        "faults", "at_s", NUMBER,
        "when it starts, from the time 0 on",
        default=0.0, unit="s", maximum=3600,
    ),
    Key(
        "faults", "jitter_s", NUMBER,
        "up to this much later, drawn from SEED",
        default=0.0, unit="s", maximum=600,
    ),
    Key(
        "faults", "length_s", NUMBER,
        "how long it lasts at the most; nobody waits for the end of one that others repair (kill, crash)",
        default=1.0, unit="s", minimum=0.1, maximum=600,
    ),
    Key(
        "faults", "repeat", INTEGER,
        "how often it is done",
        default=1.0, unit="times", minimum=1, maximum=100,
    ),
    Key(
        "faults", "every_s", NUMBER,
        "from one start to the next, where it is repeated",
        unit="s", minimum=0.1, maximum=3600, optional=True,
    ),
    Key(
        "faults", "parameters", MAPPING,
        "the fault's own parameters; docs/faults.md lists them",
        optional=True,
    ),
    Key(
        "abort", "failed", INTEGER,
        "stop when more requests than this failed since the time 0 (errors, refusals, late replies)",
        unit="requests", optional=True,
    ),
    Key(
        "abort", "failed_percent", NUMBER,
        "stop when more than this share of the requests that ended in the last over_s failed",
        unit="%", maximum=100, optional=True,
    ),
    Key(
        "abort", "over_s", NUMBER,
        "the time that failed_percent looks back",
        default=5.0, unit="s", minimum=1, maximum=600,
    ),
    Key(
        "recovery", "within_s", NUMBER,
        "the system has to be steady again this soon after the last fault ended (the spike, where there "
        "is no fault)",
        default=60.0, unit="s", minimum=1, maximum=3600,
    ),
    Key(
        "recovery", "failed_percent", NUMBER,
        "recovered: the controller says steady, and at most this share of the requests of the last second "
        "failed",
        default=0.0, unit="%", maximum=100,
    ),
)  # fmt: skip


def section(name: str) -> dict[str, Key]:
    """Return the keys of a section by name."""
    return {key.name: key for key in KEYS if key.section == name}
