"""Kills an active server again and again under load: losses, slowest requests, time to promotion."""

from lab.bench import Bench, Figure, Figures, below, strikes
from lab.faults import Context, complete, kill

HELP = "kill an active server TRIALS times under load (a topology with a standby)"
ROTATION_MEDIAN_MS, ROTATION_MAX_MS, SLOWEST_MS = 40, 100, 60


def measure(bench: Bench) -> Figures:
    """Return losses, slowest requests and promotion times."""

    def strike(context: Context, server: str) -> None:
        kill.inject(context, server, complete("kill"))

    done, rows = strikes.run(bench, "kills", strike, lambda _context, _server: None)
    rotation = [(one.promoted_s - one.struck_s) * 1000 for one in done if one.promoted_s]
    missed = len(done) - len(rotation)
    figures = [
        below(f"requests lost in {len(done)} kills, of {len(rows)}", 0, "", [len(strikes.lost(rows))], "sum"),
        below(
            "slowest request in the second after a kill, above the usual p99",
            SLOWEST_MS,
            "ms",
            strikes.slowest_above_p99_ms(done, rows),
        ),
    ]
    if missed:
        words = f"kills without a promotion, of {len(done)}"
        return [*figures, Figure(words, "0", "", missed, reached=False, values=(missed,))]
    what = "kill request to standby in rotation"
    return [
        *figures,
        below(what, ROTATION_MEDIAN_MS, "ms", rotation),
        below(what, ROTATION_MAX_MS, "ms", rotation, "maximum"),
    ]
