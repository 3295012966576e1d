#!/usr/bin/env bash
# Lists the topologies, and which of them runs.
set -euo pipefail
. "$(dirname "$0")/env.sh"
if docker image inspect "hadr-lab/lab:${HADR_IMAGE_TAG:-local}" >/dev/null 2>&1; then
    "$ROOT/compose/bin/lab-offline.sh" topologies
else # before the first build: the names, and what each file says of itself
    for name in $(topologies); do
        printf '%-20s %s\n' "$name" "$(sed -n '1s/^# //p' "$ROOT/compose/topologies/$name.yaml")"
    done
fi
running=$(running_topology)
say "Running: ${running:-none}"
