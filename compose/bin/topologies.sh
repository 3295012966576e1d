#!/usr/bin/env bash
# Lists the topologies, and which of them runs.
set -euo pipefail
. "$(dirname "$0")/env.sh"
"$ROOT/compose/bin/lab-offline.sh" topologies
running=$(running_topology)
say "Running: ${running:-none}"
