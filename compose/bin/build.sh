#!/usr/bin/env bash
# Builds the images, unless they were built from just these sources.
set -euo pipefail
. "$(dirname "$0")/env.sh"
use_topology 3-active # any: the images are the same for all

IMAGES="hadr-lab/haproxy hadr-lab/predictor hadr-lab/controller hadr-lab/lab"
STAMP=$STATE_DIR/images.stamp
BUILD_LOG=$STATE_DIR/build.log

fingerprint() {
    cd "$ROOT"
    {
        find services haproxy locust -type f -not -name '*.pyc' -print0 | sort -z | xargs -0 sha256sum
        sha256sum compose/compose.yaml compose/predictor.yaml
        docker image inspect --format '{{.Id}}' "$BASE_IMAGE"
        # An image that was removed or built elsewhere since then changes the fingerprint too.
        for image in $IMAGES; do docker image inspect --format '{{.Id}}' "$image:${HADR_IMAGE_TAG:-local}" 2>/dev/null || true; done
    } | sha256sum
}

if [ -f "$STAMP" ] && [ "$(cat "$STAMP")" = "$(fingerprint)" ]; then exit 0; fi
step "Building the images (the first time: about two minutes; output in .build/build.log)"
if [ -t 1 ]; then
    compose --profile tools build || fail "an image could not be built" "see above" ""
elif ! compose --profile tools --progress plain build >"$BUILD_LOG" 2>&1; then
    tail -n 30 "$BUILD_LOG" >&2
    fail "an image could not be built" "see the lines above, or .build/build.log" \
        "behind a company proxy, name its certificates: HADR_CA_BUNDLE=/path/to/ca.pem"
fi
fingerprint >"$STAMP"
