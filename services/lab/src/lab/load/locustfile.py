"""Locust's side of the load test: open arrivals and closed users against POST /predict.

lab.load.generator runs it headless and `lab locust-ui` with Locust's web interface. Locust sends,
counts and writes its own CSV and HTML; what is due when comes from lab.load.pacing, the row per
request from lab.load.accounting. What to send is the load.json of the folder that LAB_RUN_FOLDER
names; without a folder (the web interface, Locust's own command line) it comes from the environment
(`make help-loadtest`).
"""

import gc
import itertools
import os
import signal
import time
import uuid
from pathlib import Path
from typing import Any

import gevent
from geventhttpclient._parser import HTTPParseError
from locust import FastHttpUser, constant, events, task
from locust.contrib.fasthttp import LocustUserAgent, ResponseContextManager
from locust.env import Environment
from locust.exception import StopUser
from locust.stats import CSV_STATS_INTERVAL_SEC

from hadr.contract import REFUSED_BY, REQUEST_ID, SERVED_BY
from lab.load import bodies, pacing, spec
from lab.load.accounting import Run
from lab.load.answers import read_reply
from lab.load.generator import FOLDER_VARIABLE
from lab.records.classes import NONE
from lab.settings import Settings

FLUSH_S = 0.25  # who reads the rows along sees them after this
LATEST_LOOK_S = 0.05  # between arrivals, the end of the run is looked for at least this often
# No coding is asked for: a body that has another all the same is no prediction; nothing here
# decodes it.
HEADERS = {"Content-Type": "application/json", "Accept": "application/json", "Accept-Encoding": "identity"}
BEHIND_S = 5.0  # a generator that is this far behind its schedule gives up

folder = Path(os.environ[FOLDER_VARIABLE]) if os.environ.get(FOLDER_VARIABLE) else None
load = spec.read(folder) if folder else spec.from_settings(Settings.from_environment())
# Read here, so that a file that is missing ends Locust; an error in a user's start would leave it
# idle.
given = bodies.load(folder) if folder else None


# A reply is taken as it is: a redirect is no prediction, and no status makes Locust decode a body.
LocustUserAgent.redirect_response_codes = frozenset()
LocustUserAgent.valid_response_codes = frozenset(range(100, 1000))


class _Current:
    """The run that goes on: all the user objects that Locust makes belong to one run."""

    run: Run
    quit_when_over = False


class DeadlineError(OSError):
    """A request was not over in time; an OSError, so that Locust takes it for a failed request."""


class EncodedError(ValueError):
    """A body has a coding (gzip, ...) that was not asked for."""


class _Client(FastHttpUser):
    """Sends predictions and accounts for each; one object may have many in progress."""

    abstract = True
    # Never retried here: what a client sees is what is measured. (geventhttpclient checks that an
    # idle connection is still open before it is used again.)
    max_retries = 0
    # The deadline of the whole request comes first; these are for one wait each.
    connection_timeout = load.drain_s
    network_timeout = load.drain_s
    concurrency = load.in_flight_max

    def __init__(self, environment: Environment) -> None:
        super().__init__(environment)
        self.client.client.cookiejar = None  # the system sets no cookies; looking for them costs time
        self._bodies = itertools.cycle(enumerate(_bodies()))

    def begin(self, due_s: float) -> str:
        """Account for a request from now on; return its id."""
        request_id = uuid.uuid4().hex
        _Current.run.begun(request_id, due_s)
        return request_id

    def predict(self, request_id: str) -> None:
        """Send a request, judge its reply, count it in the rows and in Locust's statistics."""
        run = _Current.run
        number, body = next(self._bodies)
        sent_s = run.now_s()
        started_s = time.perf_counter()
        late = DeadlineError(f"no complete reply within {load.timeout_s:g} s (TIMEOUT_S)")
        with gevent.Timeout(load.timeout_s, late):
            headers = HEADERS | {REQUEST_ID: request_id}
            post = self.client.post("/predict", data=body, headers=headers, catch_response=True, stream=True)
            content, error = _content(post)
        post.request_meta["response_time"] = (time.perf_counter() - started_s) * 1000
        with post as reply:
            said = reply.headers or {}
            failure = run.received(
                request_id,
                sent_s,
                body=number,
                status=reply.status_code,
                server=said.get(SERVED_BY) or "",
                refused_by=said.get(REFUSED_BY) or "",
                reply=read_reply(reply.status_code, content, error),
            )
            if failure == NONE:
                reply.success()
            else:
                reply.failure(f"{failure} (status {reply.status_code})")

    def end_run(self) -> None:
        """End Locust's run, and this user first: the end of the run waits for its users."""
        runner = self.environment.runner
        if runner is not None:
            # Locust writes its CSV once in a while, and not once more at the end: give it the time.
            end = runner.quit if _Current.quit_when_over else runner.stop
            gevent.spawn_later(CSV_STATS_INTERVAL_SEC + LATEST_LOOK_S, end)
        raise StopUser


class OpenArrivals(_Client):
    """Sends each request when it is due, however slow the replies to the others are."""

    fixed_count = 1  # the schedule is one, so its keeper is one, whatever number of users is asked for

    @task
    def keep_schedule(self) -> None:
        """Go through the schedule; then wait for what is in progress, and end the run."""
        run = _Current.run
        gaps = pacing.unit_gaps(load.arrivals, load.seed)
        run.begin()
        for due_s in pacing.schedule(pacing.pattern(load), gaps):
            if not self._sleep_until(due_s):
                break
            if run.in_flight >= load.in_flight_max:
                run.bound_hits += 1
                while run.in_flight >= load.in_flight_max:
                    gevent.sleep(0.001)
            gevent.spawn(self.predict, self.begin(due_s))
        self._drain()
        self.end_run()

    def _sleep_until(self, due_s: float) -> bool:
        """Sleep until a request is due; return False if the run is over before."""
        run = _Current.run
        while not run.over(grace_s=BEHIND_S):
            wait_s = due_s - run.now_s()
            if wait_s <= 0:
                return True
            gevent.sleep(min(wait_s, LATEST_LOOK_S))
        return False

    def _drain(self) -> None:
        run = _Current.run
        last_s = run.now_s() + load.drain_s
        while run.in_flight and run.now_s() < last_s:
            gevent.sleep(LATEST_LOOK_S)


class ClosedUsers(_Client):
    """Users as in the article: each waits for its reply, pauses, and sends the next request."""

    wait_time = constant(load.think_s)

    @task
    def predict_once(self) -> None:
        """Send one request, due at the moment it is sent; end the run when it is over."""
        run = _Current.run
        run.begin()
        if _Current.quit_when_over and run.over():
            self.end_run()
        self.predict(self.begin(run.now_s()))


def _content(reply: ResponseContextManager) -> tuple[bytes | None, BaseException | None]:
    """Read a reply's body to its end, as it comes over the wire.

    Return it, or why there is none.
    """
    if reply.stream is None:
        return None, getattr(reply, "error", None)
    try:
        content = reply.stream.read()
    except (OSError, HTTPParseError) as error:  # the deadline, a connection that was cut, no HTTP
        return None, error
    coding = str(reply.headers.get("Content-Encoding") or "identity") if reply.headers else "identity"
    return (content, None) if coding == "identity" else (None, EncodedError(coding))


def _bodies() -> list[str]:
    """Return the bodies that who started the load wrote into the folder.

    Without a folder, draw them.
    """
    if given is not None:
        return given
    from lab.load.oracle import Oracle

    schema = Oracle(Settings.from_environment().model).feature_schema
    return bodies.bodies(schema, bodies.COUNT, load.seed)


def _flush_forever() -> None:
    while True:
        gevent.sleep(FLUSH_S)
        _Current.run.flush()


def _stop() -> None:
    """End the run early (`lab loadtest` was interrupted): in order, with all of Locust's files."""
    if hasattr(_Current, "run"):
        _Current.run.ended_because = "it was interrupted"


def _on_init(environment: Environment, **_: Any) -> None:
    environment.process_exit_code = 0  # failed requests are a result here, no failure of the generator
    options = environment.parsed_options
    _Current.quit_when_over = bool(options and options.headless)
    gevent.signal_handler(signal.SIGUSR1, _stop)


def _on_test_start(**_: Any) -> None:
    _Current.run = Run(load, folder)
    gevent.spawn(_flush_forever)
    gc.collect()
    gc.freeze()  # what is loaded by now stays; looking through it again and again would delay requests


def _on_quitting(**_: Any) -> None:
    if hasattr(_Current, "run"):
        _Current.run.close()


events.init.add_listener(_on_init)  # type: ignore[no-untyped-call]
events.test_start.add_listener(_on_test_start)  # type: ignore[no-untyped-call]
events.quitting.add_listener(_on_quitting)  # type: ignore[no-untyped-call]
