"""Pauses an active server again and again under load: what a hang loses."""

import time
from dataclasses import replace

from lab.bench import Bench, Figures, below, strikes
from lab.faults import Context, complete, lasting, pause

HELP = "pause an active server 10 times under load (a topology with a standby)"
TRIALS_MAX = 10
HANG_S = 3.0


def measure(bench: Bench) -> Figures:
    """Return the requests lost."""
    given = complete("pause", {"duration_s": HANG_S})

    def hang(context: Context, server: str) -> None:
        with lasting("pause", context, server, given):
            pause.inject(context, server, given)
            time.sleep(HANG_S)

    def end(context: Context, server: str) -> None:
        pause.undo(context, server, given)

    fewer = replace(bench, trials=min(bench.trials, TRIALS_MAX))
    done, rows = strikes.run(fewer, "hangs", hang, end)
    lost = [len(strikes.lost(rows))]
    return [below(f"requests lost in {len(done)} hangs, of {len(rows)}", 0, "", lost, "sum")]
