#!/usr/bin/env bash
# topology.sh NAME ACTIVE STANDBY: writes compose/topologies/NAME.yaml; builds the images first
# where there are none.
set -euo pipefail
BIN=$(dirname "$0")
"$BIN/engine.sh"
"$BIN/base-image.sh"
"$BIN/build.sh"
exec "$BIN/lab-offline.sh" topology "$@"
