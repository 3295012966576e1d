"""Writes a topology file: so many active servers, so many standbys.

Pure: numbers in, the file's text out.
"""

from __future__ import annotations

import re

from lab.errors import TopologyError

SERVERS_MAX = 20
MAXCONN = 10
"""Concurrent requests per server: the article's "node threshold"."""
USAGE = "make topology NAME=5-active ACTIVE=5 STANDBY=1"


def whole(name: str, text: str, least: int) -> int:
    """Return the number of servers that a person gave.

    Raise TopologyError if it is none from `least` up.
    """
    if not re.fullmatch(r"[0-9]{1,2}", text) or int(text) < least:
        raise TopologyError(
            f"{name}={text}: expected a number of servers from {least} to {SERVERS_MAX}", remedy=USAGE
        )
    return int(text)


def text(name: str, active: int, standby: int) -> str:
    """Return the file's text; raise TopologyError for a bad name or too many servers."""
    if not re.fullmatch(r"[a-z0-9][a-z0-9-]*", name):
        raise TopologyError(
            f"NAME={name}: expected lower-case letters, digits and hyphens",
            cause="it becomes the name of a file and of a Compose profile",
            remedy=USAGE,
        )
    total = active + standby
    if total > SERVERS_MAX:
        raise TopologyError(f"{total} servers: expected {SERVERS_MAX} at the most", remedy=USAGE)
    names = [f"predictor-{number}" for number in range(1, total + 1)]
    far = _first_in_region_2(active, standby)
    services = (
        f"  {each}: {{<<: *predictor, hostname: {each}, labels: {{hadr.region: region-{region}}}}}"
        for each, region in ((each, 1 + (number >= far)) for number, each in enumerate(names, 1))
    )
    lines = (
        f"        server {each} {each}:8000 check weight {'100' if number <= active else '0 # standby'}"
        for number, each in enumerate(names, 1)
    )
    return _TEMPLATE.format(
        description=_description(active, standby),
        name=name,
        services="\n".join(services),
        maxconn=MAXCONN,
        lines="\n".join(lines),
    )


def _first_in_region_2(active: int, standby: int) -> int:
    """Return the number of the first server in the second region.

    The standbys lie there; without any the last third of the servers does, so that no topology of
    two servers or more dies with one region.
    """
    if standby or active == 1:
        return active + 1
    return active - max(active // 3, 1) + 1


def _description(active: int, standby: int) -> str:
    """Return the sentence that the file begins with."""
    words = "1 server takes" if active == 1 else f"{active} servers share"
    spare = f"; {standby} more stand{'s' if standby == 1 else ''} by in the second region" if standby else ""
    return f"{words} the load{spare}."


_TEMPLATE = """\
# {description}
# A server is active, or a standby: weight 0 below says so, and nothing else does.
x-predictor: &predictor
  extends: {{file: predictor.yaml, service: predictor}}
  profiles: ["{name}"]
  mem_limit: 256m

services:
{services}
  haproxy:
    environment:
      TOPOLOGY_SERVERS: |
        default-server maxconn {maxconn} # concurrent requests per server
{lines}
"""
