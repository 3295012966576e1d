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
    container,
    work,
)

HELP = "restart the container gracefully (its stop signal, then a start)"
DETAIL = "docker restart"
PLACES = (SERVER, CONTROLLER, HAPROXY, DOCKER_PROXY)
PARAMETERS = {"grace_s": Parameter(8, "s", 0, 60, "SIGKILL comes so long after the stop signal")}
ENDS = True
LIMIT = WATCHDOG


_job = work.Job("restart")
failed = _job.failed


def inject(context: Context, target: str, parameters: Parameters) -> None:
    """Ask Docker; the answer, once the container runs again, is waited for elsewhere."""
    container.remember(context, _job.name, target)

    def do(apart: Context, _: work.Work) -> None:
        apart.engine.restart(target, int(parameters["grace_s"]))

    _job.start(context, target, do)


def undo(context: Context, target: str, parameters: Parameters) -> None:
    """Wait for Docker's answer, or without one until nothing stops the container any more; see it run."""
    try:
        _job.undo(context, target, parameters)
        if _job.of(context, target) is None:
            container.settled(context, target, parameters["grace_s"] + container.NOTICE_S)
    finally:
        container.bring_back(context, target)


def took_effect(context: Context, target: str, _: Parameters) -> bool:
    """Look whether it has been started since."""
    since = container.struck_s(context, _job.name, target)
    return container.started_since(context, target, since)


def ended(context: Context, target: str, parameters: Parameters) -> bool:
    """Look whether it runs, and nothing is still to come."""
    return _job.ended(context, target, parameters) and container.running(context, target)
