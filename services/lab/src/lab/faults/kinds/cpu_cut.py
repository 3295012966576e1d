"""Cuts a server's CPU to a share of one core.

The kernel has no quota below 1 ms, so the period grows instead. How it was is kept in the period
itself, in the last three digits of its microseconds (10 ms before: 300,010 us; no quota before:
999), so whoever looks can undo it, also after everybody who knew has died.

A server whose cost is emulated off the CPU needs little: 2.9 % of a core at 25 requests/s, half its
capacity. Measured at that rate: with 3 % it is slower, with 2 % its median takes four times as
long, with 1 % it refuses most requests and its health answers after 0.2 s.
"""

from lab.errors import LabError, UnreachableError
from lab.faults.contract import Fault, Injection, Parameter, duration

MS_US = 1000
PERIOD_MAX_US = 1_000_000
"""The kernel's longest period."""
Cpu = tuple[int, int]
"""Quota and period (us)."""
NONE: Cpu = (-1, 100_000)
"""No quota, as Docker sets it back: its period is the kernel's usual one."""
NONE_BEFORE = 999
LEAST_US = 2000
"""The quota of a server that had none."""


def cut(cpu: Cpu, share: float) -> Cpu:
    """Return what leaves a share of one core, and says what was before."""
    quota_us, period_us = cpu
    told = period_us // MS_US if quota_us > 0 else NONE_BEFORE
    quota_us = quota_us if quota_us > 0 else LEAST_US
    return quota_us, round(quota_us / share / MS_US) * MS_US + told


def before(cpu: Cpu) -> Cpu | None:
    """Return what was before the cut; None if there is no cut."""
    quota_us, period_us = cpu
    told = period_us % MS_US if quota_us > 0 else 0
    if not told:
        return None
    return NONE if told == NONE_BEFORE else (quota_us, told * MS_US)


class CpuCut(Fault):
    """A noisy neighbour."""

    def why_not(self, injection: Injection) -> str:
        """Return why the CPU cannot be cut."""
        target, share = injection.target, injection.given["share"]
        if reason := super().why_not(injection):
            return reason
        quota_us, period_us = cpu = injection.engine.cpu(target)
        if quota_us > 0 and not period_us:
            return f"the CPU quota of {target} has no period of its own (see its topology file)"
        if before(cpu):
            period = f"its period ({period_us} us) is not a whole number of ms"
            return f"the CPU quota of {target} is cut already, or {period}"
        if quota_us > 0 and share >= quota_us / period_us:
            return f"{target} has no more than {quota_us / period_us:g} of a core: that is not a cut"
        if cut(cpu, share)[1] > PERIOD_MAX_US:
            return f"a share of {share:g} needs a period above the kernel's {PERIOD_MAX_US} us"
        return ""

    def strike(self, injection: Injection) -> None:
        """Stretch the period."""
        if reason := self.why_not(injection):
            raise LabError(reason)
        engine, target = injection.engine, injection.target
        engine.set_cpu(target, *cut(engine.cpu(target), injection.given["share"]))

    def undo(self, injection: Injection) -> None:
        """Set what was before, and look whether it is set."""
        engine, target = injection.engine, injection.target
        if was := before(engine.cpu(target)):
            engine.set_cpu(target, *was)
            if engine.cpu(target) != was:
                quota, name = f"--cpu-quota {was[0]} --cpu-period {was[1]}", engine.container(target)
                raise UnreachableError(
                    f"the CPU of {target} is still cut", remedy=f"docker update {quota} {name}"
                )

    def took_effect(self, injection: Injection) -> bool:
        """Return whether the period is a stretched one."""
        return before(injection.engine.cpu(injection.target)) is not None

    def ended(self, injection: Injection) -> bool:
        """Return whether the period is as it was."""
        return not self.took_effect(injection)


FAULT = CpuCut(
    "CPU quota cut",
    share=Parameter(0.01, "", 0.003, 0.9, "of one core that is left"),
    duration_s=duration(),
)
