#!/usr/bin/env bash
# up.sh TOPOLOGY: from whatever this machine has to a topology that is healthy, and what to do next.
set -euo pipefail
. "$(dirname "$0")/env.sh"
require_topology "$1"

lock

"$ROOT/compose/bin/engine.sh"
"$ROOT/compose/bin/base-image.sh"
"$ROOT/compose/bin/build.sh"

# Nothing is started, and nothing that runs is touched, before the topology file is known to be
# good.
"$ROOT/compose/bin/check.sh" "$1"

running=$(running_topology)
use_topology "$1"
if [ -n "$running" ] && [ "$running" != "$1" ]; then
    step "Switching from $running to $1"
else
    step "Starting $1"
fi
compose --progress quiet up -d --remove-orphans --no-build 8>&- 9>&-
LAB_RUN_OPTIONS="--no-deps ${LAB_RUN_OPTIONS:-}" lab wait 8>&- 9>&-
