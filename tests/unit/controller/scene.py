"""Observations written in words, so that the tables of decisions read as sentences.

    scene("1 active refused / 2 active / 3 standby", saturated_s=0.4)

Each server is a number, its role and the words of WORDS below. Time is NOW; durations are in
seconds.
"""

from collections.abc import Callable
from dataclasses import replace

from controller.model import Admin, Container, HaproxyServer, Link, LinkState, Load, Observation, ServerView
from hadr.contract import Role

NOW = 1000.0
LONG_AGO = 0.0

Change = Callable[[ServerView], ServerView]


def row(number: int, *, standby: bool = False) -> HaproxyServer:
    """A server as HAProxy shows it when all is well."""
    weight = 0 if standby else 100
    return HaproxyServer(
        name=f"predictor-{number}",
        address=f"10.0.0.{number}:8000",
        up=True,
        check="L7OK",
        check_text="Layer7 check passed",
        admin=Admin.READY,
        weight=weight,
        initial_weight=weight,
        sessions=0,
        queue=0,
        limit=10,
        total=0,
        last_change_s=900,
    )


def _haproxy(**changes: object) -> Change:
    return lambda view: replace(view, haproxy=replace(view.haproxy, **changes))  # type: ignore[arg-type]


def _container(**changes: object) -> Change:
    def change(view: ServerView) -> ServerView:
        assert view.container is not None
        return replace(view, container=replace(view.container, **changes))  # type: ignore[arg-type]

    return change


def _view(**changes: object) -> Change:
    return lambda view: replace(view, **changes)  # type: ignore[arg-type]


def _ended(code: int, **changes: object) -> tuple[Change, ...]:
    return (
        _container(state="exited", exit_code=code, since=NOW - 1, **changes),
        _view(dead_reason=f"ended with exit code {code}", dead_since=NOW - 1),
        _haproxy(up=False, check="L4CON"),
        _view(link=Link(LinkState.REFUSED, "", NOW - 1, "refused connections")),
    )


WORDS: dict[str, tuple[Change, ...]] = {
    "promoted": (_haproxy(weight=100),),
    "refused": (
        _view(dead_reason="refused connections", dead_since=NOW, down_since=NOW),
        _view(link=Link(LinkState.REFUSED, "", NOW, "refused connections")),
    ),
    "unready": (_haproxy(up=False, check="L7STS", check_text="503"), _view(down_since=NOW - 20)),
    "lately-unready": (_haproxy(up=False, check="L7STS", check_text="503"), _view(down_since=NOW - 14)),
    "paused": (
        _container(state="paused", since=NOW),
        _view(dead_reason="was paused", dead_since=NOW, down_since=NOW),
    ),
    "dying": (
        _container(state="dying", since=NOW),
        _view(dead_reason="was killed (SIGKILL)", dead_since=NOW),
    ),
    "killed": _ended(137, kill_seen=True),
    "crashed": _ended(1),
    "stopped": _ended(137, stop_seen=True, kill_seen=True),
    "exited-0": _ended(0),
    "exited-143": _ended(143),
    "just-killed": (*_ended(137, kill_seen=True), _view(dead_since=NOW - 0.1), _container(since=NOW)),
    "restarting": (*_ended(1), _container(state="restarting")),
    "created": (*_ended(0), _container(state="created")),
    "started-thrice": (_view(starts=3, last_start=NOW - 3),),  # the pause is 4 s by then
    "pause-over": (_view(starts=3, last_start=NOW - 4),),
    "started-often": (_view(starts=40, last_start=NOW - 59),),
    "busy": (_view(busy=True),),
    "young": (_container(started_at=NOW - 29),),
    "drained": (_haproxy(admin=Admin.DRAIN),),
    "in-maintenance": (_haproxy(admin=Admin.MAINT, up=False, check=""),),
    "unresolved": (_haproxy(admin=Admin.RESOLUTION, up=False, check="L4CON"),),
    "weight-0": (_haproxy(weight=0),),
    "back": (_view(serving_since=NOW - 4.9),),  # in service, but not for stable_s yet
    "unlinked": (_view(link=Link()),),
    "unchecked": (_haproxy(check="INI"),),
    "full": (_haproxy(sessions=10),),
    "no-container": (_view(container=None),),
}


def server(text: str) -> ServerView:
    """One server: "3 standby promoted full"."""
    number, role, *words = text.split()
    name = f"predictor-{number}"
    view = ServerView(
        haproxy=row(int(number), standby=role == "standby"),
        role=Role(role),
        link=Link(LinkState.CONNECTED, f"10.0.0.{number}:8000", LONG_AGO),
        container=Container("running", LONG_AGO, LONG_AGO, region="region-1"),
        up_since=LONG_AGO,
        serving_since=LONG_AGO,
        down_since=None,
        dead_since=None,
        dead_reason="",
    )
    assert view.name == name
    for word in words:
        for change in WORDS[word]:
            view = change(view)
    return replace(view, serving_since=view.serving_since if view.in_service else None)


def scene(
    servers: str,
    *,
    saturated_s: float | None = None,
    fits_s: float | None = None,
    haproxy: bool = True,
    docker: bool = True,
) -> Observation:
    """All servers, divided by "/", with the load saturated, or fitting the rest, for so long."""
    views = [server(text) for text in servers.split("/")]
    if not docker:
        views = [replace(view, container=None) for view in views]
    return Observation(
        now=NOW,
        haproxy_reachable=haproxy,
        engine_reachable=docker,
        servers=tuple(views),
        load=Load(
            saturated_since=None if saturated_s is None else NOW - saturated_s,
            fits_since=None if fits_s is None else NOW - fits_s,
        ),
    )
