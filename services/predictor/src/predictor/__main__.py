"""Start one predictor: settings, model, server; and stop it so that no request notices."""

import os
import signal
import sys
from types import FrameType


def _stop_before_start(_signal: int, _frame: FrameType | None) -> None:
    # Not sys.exit: where the signal interrupts a finalizer, Python would print that exception and
    # go on.
    os._exit(0)


# A container's first process ignores SIGTERM unless it has a handler, and the imports below take a
# while.
signal.signal(signal.SIGTERM, _stop_before_start)

import gc  # noqa: E402

# The imports make no garbage worth looking for; looking takes a tenth of the time to start.
gc.disable()

import asyncio  # noqa: E402
import contextlib  # noqa: E402
import time  # noqa: E402

import uvicorn  # noqa: E402

from hadr.declare import SettingError  # noqa: E402

from .app import Predictor  # noqa: E402
from .errors import ModelError  # noqa: E402
from .faults import Faults  # noqa: E402
from .health import Readiness  # noqa: E402
from .settings import Settings  # noqa: E402
from .wakeup import ask_for_short_slices  # noqa: E402
from .wire import WholeReplyProtocol  # noqa: E402

_BAD_CONFIGURATION = 78  # EX_CONFIG of sysexits.h


class DrainingServer(uvicorn.Server):
    """uvicorn, except that SIGTERM first turns the predictor unready and lets HAProxy notice.

    Requests that arrive meanwhile are answered. A second signal ends the wait. The exit status is
    0, because a stop that was asked for is a success.
    """

    def __init__(self, config: uvicorn.Config, readiness: Readiness, faults: Faults, drain_s: float) -> None:
        super().__init__(config)
        self._readiness = readiness
        self._faults = faults
        self._closed_port = 0  # the TCP port to open again; 0: it is open
        self._drain_s = drain_s
        self._exit_at = float("inf")  # monotonic, in seconds

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:  # noqa: ARG002  the signature is uvicorn's
        """Begin to drain; on the second signal, stop draining."""
        drain_s = 0.0 if self._readiness.draining else self._drain_s
        self._readiness.draining = True
        self._exit_at = time.monotonic() + drain_s

    async def on_tick(self, counter: int) -> bool:
        """Look, ten times a second, whether it is time to stop."""
        if time.monotonic() >= self._exit_at:
            self.should_exit = True
        refuse = self._faults.active.refuse_connections
        if refuse and not self._closed_port:
            self._close_port()
        elif self._closed_port and not refuse and not self.should_exit:
            await self._open_port()
        return await super().on_tick(counter)

    def _close_port(self) -> None:
        """Listen no more; connections that are open go on."""
        self._closed_port = self.servers[0].sockets[0].getsockname()[1]
        for listening in self.servers:
            listening.close()
        self.servers = []

    async def _open_port(self) -> None:
        """Listen again, as at the start."""
        config, port = self.config, self._closed_port

        def connected() -> asyncio.Protocol:
            protocol: asyncio.Protocol = config.http_protocol_class(  # type: ignore[call-arg]
                config=config, server_state=self.server_state, app_state=self.lifespan.state
            )
            return protocol

        loop = asyncio.get_running_loop()
        with contextlib.suppress(OSError):  # somebody else has the port for now: the next tick tries again
            self.servers = [
                await loop.create_server(connected, host=config.host, port=port, backlog=config.backlog)
            ]
            self._closed_port = 0


def make_server(settings: Settings) -> DrainingServer:
    """Make the server for these settings, model loaded; raises ModelError."""
    predictor = Predictor(settings)
    config = uvicorn.Config(
        predictor,
        host=settings.host,
        port=settings.port,
        loop="uvloop",
        http=WholeReplyProtocol,
        ws="none",
        lifespan="on",
        log_config=None,
        log_level="error",
        access_log=False,
        proxy_headers=False,
        server_header=False,
        timeout_keep_alive=settings.keepalive_s,
        timeout_graceful_shutdown=settings.stop_limit_s,
    )
    return DrainingServer(config, predictor.readiness, predictor.faults, settings.drain_s)


def main() -> int:
    """Serve until a signal; returns the exit status."""
    try:
        server = make_server(Settings.load(os.environ))
    except (SettingError, ModelError) as error:
        sys.stderr.write(f"predictor: {error}\n")
        return _BAD_CONFIGURATION
    ask_for_short_slices()
    # What is loaded now stays; the collector need not look through it again and again.
    gc.freeze()
    gc.enable()
    server.run()
    return 0


if __name__ == "__main__":
    sys.exit(main())
