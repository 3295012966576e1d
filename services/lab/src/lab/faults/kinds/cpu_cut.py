"""Cuts a server's CPU: the same quota in a longer period.

The kernel has no quota below 1 ms, so the period grows instead. How it was is kept in the period itself, in
the last three digits of its microseconds (10 ms cut to a tenth: 100,010 us), so whoever looks can undo it,
also after everybody who knew has died.
"""

from lab.errors import LabError, UnreachableError
from lab.faults import SERVER, WATCHDOG, Context, Parameter, Parameters, duration

HELP = "cut the server's CPU quota to a share of it, a tenth by default, and give it back"
DETAIL = "CPU quota cut"
PLACES = (SERVER,)
PARAMETERS = {
    "share": Parameter(0.1, "", 0.02, 0.9, "of its quota that is left"),
    "duration_s": duration(),
}
ENDS = True
LIMIT = WATCHDOG

MS_US = 1000
PERIOD_MAX_US = 1_000_000
"""The kernel's longest period."""


def cut_us(period_us: int, share: float) -> int:
    """Return the period (us) that leaves a share of the CPU and tells the one before."""
    return round(period_us / share / MS_US) * MS_US + period_us // MS_US


def original_us(period_us: int) -> int | None:
    """Return the period (us) before the cut; None if there was none."""
    return period_us % MS_US * MS_US or None


def why_not(context: Context, target: str, parameters: Parameters) -> str:
    """Say why the quota cannot be cut."""
    quota, period = context.engine.cpu(target)
    if quota <= 0 or period <= 0:
        return f"{target} has no CPU quota with a period of its own that could be cut (see its topology file)"
    if original_us(period):
        return (
            f"the CPU quota of {target} is cut already, or its period ({period} us) is no whole number of ms"
        )
    if cut_us(period, parameters["share"]) > PERIOD_MAX_US:
        return f"a share of {parameters['share']:g} needs a period above the kernel's {PERIOD_MAX_US} us"
    return ""


def inject(context: Context, target: str, parameters: Parameters) -> None:
    """Stretch the period."""
    if reason := why_not(context, target, parameters):
        raise LabError(reason)
    quota, period = context.engine.cpu(target)
    context.engine.set_cpu_period(target, cut_us(period, parameters["share"]), quota)


def undo(context: Context, target: str, _: Parameters) -> None:
    """Set the period that was before, and look whether it is set."""
    quota, period = context.engine.cpu(target)
    if before := original_us(period):
        context.engine.set_cpu_period(target, before, quota)
        if context.engine.cpu(target) != (quota, before):
            raise UnreachableError(
                f"the CPU quota of {target} is still cut",
                remedy=f"docker update --cpu-period {before} --cpu-quota {quota} "
                f"{context.engine.container(target)}",
            )


def took_effect(context: Context, target: str, _: Parameters) -> bool:
    """Look whether the period is a stretched one."""
    return original_us(context.engine.cpu(target)[1]) is not None


def ended(context: Context, target: str, parameters: Parameters) -> bool:
    """Look whether the period is as it was."""
    return not took_effect(context, target, parameters)
