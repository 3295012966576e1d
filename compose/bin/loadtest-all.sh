#!/usr/bin/env bash
# The article's experiment: the same ramp on its three topologies, then its two tables and a chart.
set -euo pipefail
. "$(dirname "$0")/env.sh"
folders=()
for name in ${TOPOLOGIES:-single 2-active 3-active}; do
    "$ROOT/compose/bin/up.sh" "$name"
    use_topology "$name"
    lab loadtest --name-file "/results/.last-$$"
    folders+=("$(cat "$ROOT/results/.last-$$")")
    rm -f "$ROOT/results/.last-$$"
done
lab compare "${folders[@]}"
