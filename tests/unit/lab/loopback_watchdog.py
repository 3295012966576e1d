"""The real watchdog on a free port of loopback."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from lab.faults.watchdog import Watchdog


@contextmanager
def watchdog() -> Iterator[str]:
    """Serve; give its address (host:port)."""
    with Watchdog(("127.0.0.1", 0)) as serving:
        threading.Thread(target=serving.serve_forever, args=(0.02,), daemon=True).start()
        try:
            yield f"127.0.0.1:{serving.server_address[1]}"
        finally:
            serving.shutdown()
