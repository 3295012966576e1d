#!/usr/bin/env bash
# The article's experiment: the same ramp on its three topologies, then its two tables and a chart.
set -euo pipefail
. "$(dirname "$0")/env.sh"
run_lock loadtest-all
folders=()
NAME_FILE=.last-$$
INVALID=3 # a run whose generator fell behind is shown as such in the comparison
for name in ${TOPOLOGIES:-single 2-active 3-active}; do
    "$ROOT/compose/bin/up.sh" "$name"
    use_topology "$name"
    status=0
    lab loadtest --name-file "/results/$NAME_FILE" || status=$?
    folders+=("$(cat "$ROOT/results/$NAME_FILE" 2>/dev/null || true)")
    rm -f "$ROOT/results/$NAME_FILE"
    [ "$status" -eq 0 ] || [ "$status" -eq "$INVALID" ] || exit "$status"
done
lab compare "${folders[@]}"
