#!/usr/bin/env bash
# lab-offline.sh COMMAND...: a command of the lab's tool that needs no running topology.
set -euo pipefail
. "$(dirname "$0")/env.sh"
docker image inspect "hadr-lab/lab:${HADR_IMAGE_TAG:-local}" >/dev/null 2>&1 ||
    fail "the lab's images are not built yet" "this command runs in one of them" "make up"
mkdir -p "$ROOT/results"
mode=ro docs=()
case "$1" in # these write files there
topology) mode=rw ;;
measured) docs=(-v "$ROOT/docs:/docs") ;;
esac
exec docker run --rm --network none --read-only --tmpfs /tmp --cap-drop ALL --user "$HADR_UID:$HADR_GID" \
    -v "$ROOT/compose/topologies:/topologies:$mode" -v "$HADR_SCENARIOS:/scenarios:ro" -v "$ROOT/results:/results" "${docs[@]}" \
    -e LAB_VERSION="$HADR_VERSION" -e COLUMNS="$(tput cols 2>/dev/null || echo 100)" \
    "hadr-lab/lab:${HADR_IMAGE_TAG:-local}" "$@"
