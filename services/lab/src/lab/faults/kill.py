"""Kills a server's container: every process dies at once, the kernel closes its connections."""

from lab.engine import Engine

HELP = "kill the container (SIGKILL); the controller has to start it again"
DETAIL = "SIGKILL"
ENDS = False


def inject(engine: Engine, server: str) -> None:
    """Kill the container."""
    engine.kill(server)


def undo(engine: Engine, server: str) -> None:
    """Start the container, if the controller has not done so already."""
    if engine.status(server) in ("exited", "dead", "created"):
        engine.start(server)
