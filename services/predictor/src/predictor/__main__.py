"""Start one predictor: settings, model, server; and stop it so that no request notices."""

import signal
import sys
from types import FrameType


def _stop_before_start(_signal: int, _frame: FrameType | None) -> None:
    sys.exit(0)


# A container's first process ignores SIGTERM unless it has a handler, and the imports below take a while.
signal.signal(signal.SIGTERM, _stop_before_start)

import gc  # noqa: E402

# The imports make no garbage worth looking for; looking takes a tenth of the time to start.
gc.disable()

import os  # noqa: E402
import time  # noqa: E402

import uvicorn  # noqa: E402

from .app import Predictor  # noqa: E402
from .errors import ModelError, SettingError  # noqa: E402
from .health import Readiness  # noqa: E402
from .settings import Settings  # noqa: E402
from .wire import WholeReplyProtocol  # noqa: E402

_BAD_CONFIGURATION = 78  # EX_CONFIG of sysexits.h


class DrainingServer(uvicorn.Server):
    """uvicorn, except that SIGTERM first turns the predictor unready and lets HAProxy notice.

    Requests that arrive meanwhile are answered. A second signal ends the wait. The exit status is 0, because
    a stop that was asked for is a success.
    """

    def __init__(self, config: uvicorn.Config, readiness: Readiness, drain_s: float) -> None:
        super().__init__(config)
        self._readiness = readiness
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
        return await super().on_tick(counter)


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
    return DrainingServer(config, predictor.readiness, settings.drain_s)


def main() -> int:
    """Serve until a signal; returns the exit status."""
    try:
        server = make_server(Settings.load(os.environ))
    except (SettingError, ModelError) as error:
        sys.stderr.write(f"predictor: {error}\n")
        return _BAD_CONFIGURATION
    # What is loaded now stays; the collector need not look through it again and again.
    gc.freeze()
    gc.enable()
    server.run()
    return 0


if __name__ == "__main__":
    sys.exit(main())
