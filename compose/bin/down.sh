#!/usr/bin/env bash
# Stops the lab and removes its containers, networks and volumes. Results and images stay.
set -euo pipefail
. "$(dirname "$0")/env.sh"

lock
if ! docker version >/dev/null 2>&1; then
    say "No Docker engine answers, so nothing of the lab runs."
    exit 0
fi
# Any topology will do: what does not belong to it is an orphan, and goes too.
use_topology 3-active
# A lab command that still runs in another terminal would keep its networks.
docker ps -aq --filter "label=com.docker.compose.project=$HADR_PROJECT" --filter "label=com.docker.compose.oneoff=True" |
    xargs -r docker rm -f >/dev/null
compose --progress quiet --profile tools down --volumes --remove-orphans 8>&- 9>&-
say "Stopped: no container, network or volume of $HADR_PROJECT is left."
