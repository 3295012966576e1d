"""Every shipped scenario on 2-active, as it is shipped: met, or not applicable and why."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from driver import wait_until_steady
from lab.experiment import scenario
from runs import experiment, folders_of, held, read

pytestmark = [pytest.mark.e2e, pytest.mark.usefixtures("two_active")]
NAMES = sorted(path.stem for path in scenario.OWN.glob("*.yaml"))


@pytest.mark.parametrize("name", NAMES)
def test_2_active_meets_it(name: str, record_property: Callable[[str, object], None]) -> None:
    done = experiment(name, given={"IDLE_MIN": "0"})
    for folder in folders_of(done.stdout):
        verdict = read(folder / "verdict.json")
        record_property(name, f"{verdict['verdict']}: {'; '.join(verdict['because'])}")
    held(done)
    wait_until_steady()
