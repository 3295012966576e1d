"""The errors of the lab's commands.

LabError               printed as one clear message; the command ends with status 2
├── SettingError       a setting's value is not what it has to be
├── UnreachableError   a part of the system does not answer
├── NotSteadyError     the system answers, but is not in the state that a measurement needs
├── ModelError         the model file is missing, wrong, or not what the servers serve
├── TopologyError      a topology file is wrong
├── ScenarioError      a scenario file is wrong, or there is none of that name
├── RecordsError       saved records are missing or are not what they should be
└── GeneratorError     the load generator did not start or ended by itself
"""


class LabError(Exception):
    """What happened, its likely cause and what to do, for a person at a terminal."""

    def __init__(self, what: str, *, cause: str = "", remedy: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.cause = cause
        self.remedy = remedy

    def message(self) -> str:
        """Return the text for the terminal: what happened, then the likely cause and what to do."""
        lines = [self.what]
        if self.cause:
            lines.append(f"  likely cause: {self.cause}")
        if self.remedy:
            lines.append(f"  what to do:   {self.remedy}")
        return "\n".join(lines)


class SettingError(LabError):
    """A setting's value is not what it has to be."""


class UnreachableError(LabError):
    """A part of the system does not answer."""


class NotSteadyError(LabError):
    """The system answers, but is not in the state that a measurement needs."""


class ModelError(LabError):
    """The model file is missing, wrong, or not what the servers serve."""


class TopologyError(LabError):
    """A topology file is wrong."""


class ScenarioError(LabError):
    """A scenario file is wrong, or there is none of that name."""


class RecordsError(LabError):
    """Saved records are missing or are not what they should be."""


class GeneratorError(LabError):
    """The load generator did not start, or ended by itself."""
