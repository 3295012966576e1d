"""What has to be there before a load: what is sent, what is right, and servers that serve that model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from lab.load import answers, bodies
from lab.load.answers import Answers
from lab.load.oracle import Oracle
from lab.parts import predictors
from lab.parts.controller import State
from lab.parts.predictors import Info
from lab.settings import Settings


@dataclass(frozen=True)
class Prepared:
    """The bodies of a run, the right answer to each, and what each server said of itself."""

    bodies: list[str]
    answers: Answers
    servers: Mapping[str, Info]

    @property
    def model_version(self) -> str:
        """The version of the model that the servers serve and the answers are from."""
        return self.answers.model_version

    def save(self, folder: Path) -> None:
        """Write bodies.json and answers.json: the generator sends what is in the one."""
        bodies.save(folder, self.bodies)
        answers.save(folder, self.answers)


def prepare(settings: Settings, state: State, seed: int) -> Prepared:
    """Draw the bodies and know the answers; raise a LabError if a server does not serve the tools' model."""
    servers = predictors.infos(settings.predictor_url, (server.name for server in state.servers))
    oracle = Oracle(settings.model)
    oracle.check(servers)
    drawn = bodies.bodies(oracle.feature_schema, bodies.COUNT, seed)
    return Prepared(drawn, oracle.answers(drawn, seed), servers)
