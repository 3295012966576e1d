"""Restarts a container gracefully: its own stop signal, then a start. A server turns unready first."""

from lab.faults import (
    CONTROLLER,
    DOCKER_PROXY,
    HAPROXY,
    SERVER,
    WATCHDOG,
    Context,
    Parameter,
    Parameters,
    _container,
    _work,
)

HELP = "restart the container gracefully (its stop signal, then a start)"
DETAIL = "docker restart"
PLACES = (SERVER, CONTROLLER, HAPROXY, DOCKER_PROXY)
PARAMETERS = {"grace_s": Parameter(8, "s", 0, 60, "SIGKILL comes so long after the stop signal")}
ENDS = True
LIMIT = WATCHDOG


def inject(context: Context, target: str, parameters: Parameters) -> None:
    """Ask Docker; the answer, once the container runs again, is waited for elsewhere."""
    since = context.memory[target, "restarted since"] = _container.now_s()

    def work(apart: Context, its: _work.Work) -> None:
        apart.engine.restart(target, int(parameters["grace_s"]))
        its.found["restarted"] = _container.started_since(apart, target, since)
        its.begun.set()

    _work.start(context, "restart", target, work)


def undo(context: Context, target: str, _: Parameters) -> None:
    """Wait for Docker's answer, and see the container run."""
    _work.end(context, "restart", target)
    _container.start_if_down(context, target)


def took_effect(context: Context, target: str, _: Parameters) -> bool:
    """Look whether it has been started since."""
    since = float(context.memory.get((target, "restarted since"), float("inf")))
    return _container.started_since(context, target, since)


def ended(context: Context, target: str, _: Parameters) -> bool:
    """Look whether it runs, and nothing is still to come."""
    return _work.over(context, "restart", target) and _container.running(context, target)
