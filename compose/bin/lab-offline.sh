#!/usr/bin/env bash
# lab-offline.sh COMMAND...: a command of the lab's tool that needs no running topology.
set -euo pipefail
. "$(dirname "$0")/env.sh"
"$ROOT/compose/bin/engine.sh"
"$ROOT/compose/bin/base-image.sh"
"$ROOT/compose/bin/build.sh"
mkdir -p "$ROOT/results"
exec docker run --rm --network none --read-only --tmpfs /tmp --cap-drop ALL --user "$HADR_UID:$HADR_GID" \
    -v "$ROOT/compose/topologies:/topologies:ro" -v "$ROOT/results:/results" \
    -e LAB_VERSION="$HADR_VERSION" -e COLUMNS="$(tput cols 2>/dev/null || echo 100)" \
    "hadr-lab/lab:${HADR_IMAGE_TAG:-local}" "$@"
