"""A lab of three servers on loopback.

A scripted server as HAProxy, a controller, a Docker, a watchdog.
"""

from __future__ import annotations

import contextlib
import json
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from lab.parts.controller import Entry
from lab.settings import Settings
from unit.lab.journal_entries import server, state
from unit.lab.loopback_controller import LoopbackController, controller
from unit.lab.loopback_docker import LoopbackDocker, docker
from unit.lab.loopback_watchdog import watchdog
from unit.lab.planted_records import POLICY
from unit.lab.scripted_server import Reply, ScriptedServer, info, prediction, serving
from unit.trained import model_file

NOTICED_S = 0.25


class Lab:
    """Three servers: a kill is noticed, a standby comes at once, the server is back later.

    Who is struck answers until the kill is noticed, then predictor-2 does; so something is at
    stake.
    """

    def __init__(self, peer: LoopbackController, engine: LoopbackDocker, guard: str) -> None:
        self.guard = guard
        self.peer = peer
        self.engine = engine
        self.steady = peer.state
        self.repair_s: float | None = 0.5
        self.failing = False
        self.info: dict[str, Any] = {}
        self.lie: Callable[[bytes], bytes] = bytes
        self.target: ScriptedServer
        self.first = "predictor-1"
        self.lines: dict[str, list[str]] = {"haproxy": [], "predictor-1": [], "predictor-2": []}
        self.timers: list[threading.Timer] = []
        engine.on_post = self.on_post
        engine.log_of = self.log_of
        self.note("started", version="1", topology="2-active", policy=POLICY)

    def answer(self, number: int, path: str) -> Reply:
        """Answer as HAProxy with a server behind it, and log it as both do."""
        if path.endswith("/info"):
            return info(**self.info)
        _, headers, body = self.target.requests[number]
        who = self.first
        if not headers.get("x-request-id"):
            return Reply(body=b"haproxy_process_build_info{} 1\n")
        reply = Reply(body=self.lie(prediction(body)), server=who)
        if self.failing:
            reply = replace(reply, status=502, server="haproxy")
        now, name = time.time(), headers.get("x-request-id", "")
        self.lines["haproxy"].append(
            json.dumps(
                {
                    "time_us": round(now * 1e6),
                    "accepted_us": round(now * 1e6),
                    "id": name,
                    "status": reply.status,
                    "server": who,
                    "backend": "predictors",
                    "retries": "0",
                    "time_active_ms": 1,
                    "time_total_ms": 1,
                    "termination_state": "SH" if self.failing else "--",
                    "bytes_sent": 250,
                }
            )
        )
        logged = {"time": now, "request_id": name, "server": who, "method": "POST"}
        logged |= {"path": "/predict", "status": 200, "duration_ms": 0.5}
        logged |= {"planned_ms": 20.0, "service_ms": 20.0, "slow": False}
        if reply.status == 200:
            self.lines[who].append(json.dumps(logged))
        return reply

    def log_of(self, container: str) -> bytes:
        service = container.removeprefix("lab-").removesuffix("-1")
        lines = self.lines.get(service, [])
        if service == "controller":
            lines = [json.dumps(entry.raw) for entry in self.peer.entries]
        return "".join(f"{line}\n" for line in lines).encode()

    def on_post(self, action: str, name: str) -> None:
        target = name.removeprefix("lab-").removesuffix("-1")
        if action in ("kill", "pause"):
            self.later(NOTICED_S, lambda: self.fall(target))
            if self.repair_s is not None:
                self.later(self.repair_s, lambda: self.rise(target, name))

    def later(self, seconds: float, act: Any) -> None:
        timer = threading.Timer(seconds, act)
        self.timers.append(timer)
        timer.start()

    def fall(self, target: str) -> None:
        self.first = "predictor-2"
        self.peer.state = state(
            server(target, health="down", container="exited"), steady=False, reason=f"{target} is dead"
        )
        self.note("signal", source="tripwire", kind="tripwire_ended", server=target, what="connection ended")
        self.note("observation", server=target, change={"health": ["up", "down"]})
        self.note("decision", action="promote", server="predictor-3", reason=f"{target} refused")
        self.note(
            "action", action="promote", server="predictor-3", command="set weight", result="ok", took_ms=1.0
        )
        self.note("confirmed", action="promote", server="predictor-3", took_ms=1.0)

    def rise(self, target: str, name: str) -> None:
        """Bring a server back, though not before somebody has seen that it was gone."""
        self.peer.asked_unsteady.wait(timeout=30)
        self.engine.status[name] = "running"
        self.note("observation", server=target, change={"health": ["down", "up"]})
        self.note("confirmed", action="demote", server="predictor-3", took_ms=1.0)
        self.peer.state = replace(self.steady, time=time.time())

    def note(self, event: str, **fields: object) -> None:
        seq = len(self.peer.entries) + 1
        self.peer.write(
            Entry.from_raw({"seq": seq, "time": time.time(), "monotonic": 1.0, "event": event, **fields})
        )


@contextlib.contextmanager
def running() -> Iterator[Lab]:
    """Run one for the length of a block."""
    with controller(state()) as peer, docker() as engine, watchdog() as guard:
        made = Lab(peer, engine, guard)
        with serving(made.answer) as target:
            made.target = target
            yield made
        for timer in made.timers:
            timer.join()


def settings(lab: Lab, results: Path, **more: Any) -> Settings:
    """Return the settings of a run against it."""
    values: dict[str, Any] = {
        "controller_url": lab.peer.url,
        "docker_url": lab.engine.url,
        "watchdog": lab.guard,
        "target_url": lab.target.url,
        "predictor_url": lab.target.url + "/{server}",
        "model": model_file(),
        "stats_url": lab.target.url,
        "project": "lab",
        "results_dir": results,
        "steady_wait_s": 0.0,
        # A busy machine is not what is tested here.
        "idle_min_percent": 0.0,
        "limit_ms": 10_000.0,
        "timeout_s": 10.0,
    }
    return Settings(**(values | more))


def the_folder(settings: Settings) -> Path:
    """Return the only result folder."""
    (found,) = settings.results_dir.iterdir()
    return found


def lines(path: Path) -> list[dict[str, Any]]:
    """Read a file of JSON lines."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
