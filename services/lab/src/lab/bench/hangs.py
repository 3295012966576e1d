"""Pauses an active server again and again under load: what a hang loses."""

import time
from dataclasses import replace

from lab.bench import Bench, Figures, below, strikes
from lab.engine import Engine
from lab.faults import lasting, pause

HELP = "pause an active server 10 times under load (a topology with a standby)"
TRIALS_MAX = 10
HANG_S = 3.0


def measure(bench: Bench) -> Figures:
    """Return the requests lost."""

    def hang(engine: Engine, server: str) -> None:
        with lasting("pause", engine, server, HANG_S + 5):
            pause.inject(engine, server)
            time.sleep(HANG_S)

    fewer = replace(bench, trials=min(bench.trials, TRIALS_MAX))
    done, rows = strikes.run(fewer, "hangs", hang, pause.undo)
    lost = [len(strikes.lost(rows))]
    return [below(f"requests lost in {len(done)} hangs, of {len(rows)}", 0, "", lost, "sum")]
