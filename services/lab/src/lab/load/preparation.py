"""What has to be there before a load: what is sent, what is right, and servers that serve that model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from lab.load import answers, bodies
from lab.load.answers import Answers
from lab.load.oracle import Oracle
from lab.parts.predictors import Info
from lab.settings import Settings


@dataclass(frozen=True)
class Prepared:
    """The bodies of a run, and the right answer to each."""

    bodies: list[str]
    answers: Answers

    def save(self, folder: Path) -> None:
        """Write bodies.json and answers.json: the generator sends what is in the one."""
        bodies.save(folder, self.bodies)
        answers.save(folder, self.answers)


def prepare(settings: Settings, servers: Mapping[str, Info], seed: int) -> Prepared:
    """Draw the bodies and know the answers; raise a LabError if a server does not serve the tools' model."""
    oracle = Oracle(settings.model)
    oracle.check(servers)
    drawn = bodies.bodies(oracle.feature_schema, bodies.COUNT, seed)
    return Prepared(drawn, oracle.answers(drawn, seed))
