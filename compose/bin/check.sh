#!/usr/bin/env bash
# check.sh TOPOLOGY: refuses a bad topology file with the file, the line and what was expected,
# before anything starts.
set -euo pipefail
. "$(dirname "$0")/env.sh"
require_topology "$1"
use_topology "$1"

STAMP=$STATE_DIR/checked-$1.stamp
fingerprint() {
    cat "$ROOT/compose/topologies/$1.yaml" "$ROOT/compose/compose.yaml" "$ROOT/compose/predictor.yaml" \
        "$STATE_DIR/images.stamp" | sha256sum
    printf '%s\n' "${BALANCE:-} ${MAX_BODY_BYTES:-} ${QUEUE_LIMIT:-} ${QUEUE_TIMEOUT:-} ${SERVER_TIMEOUT:-}"
}
if [ -f "$STAMP" ] && [ "$(cat "$STAMP")" = "$(fingerprint "$1")" ]; then exit 0; fi

docker run --rm --network none --read-only --cap-drop ALL -v "$ROOT/compose/topologies:/topologies:ro" "hadr-lab/lab:${HADR_IMAGE_TAG:-local}" check "$1" || exit 2
compose config --quiet || fail "Compose refuses compose/topologies/$1.yaml" "see above" ""
# HAProxy itself checks the server lines and settings, in the image that will run.
tidy() { [ -n "$(running_topology)" ] || compose --progress quiet down --volumes; }
# The servers of the topology that still runs are no orphans yet.
export COMPOSE_IGNORE_ORPHANS=1
if ! compose --progress quiet run --rm -T --no-deps haproxy check; then
    tidy
    fail "HAProxy refuses the server lines of compose/topologies/$1.yaml, or a setting" "see its message above" ""
fi
tidy
fingerprint "$1" >"$STAMP"
