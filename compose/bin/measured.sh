#!/usr/bin/env bash
# Draws docs/measured.md from the newest results of this version, and keeps those results beside it.
set -euo pipefail
. "$(dirname "$0")/env.sh"
exec docker run --rm --network none --read-only --tmpfs /tmp --cap-drop ALL --user "$HADR_UID:$HADR_GID" \
    -v "$ROOT/results:/results:ro" -v "$ROOT/docs:/docs" -e LAB_VERSION="$HADR_VERSION" \
    "hadr-lab/lab:${HADR_IMAGE_TAG:-local}" measured /docs
