#!/usr/bin/env bash
# The article's experiment: the same ramp on its three topologies, then its two tables and a chart.
# In TRIALS rounds over the topologies, so that what changes on the machine meanwhile meets all of
# them alike; each round has its SEED.
set -euo pipefail
. "$(dirname "$0")/env.sh"
run_lock loadtest-all
folders=()
NAME_FILE=.last-$$
INVALID=3 # a run whose generator fell behind is shown as such in the comparison
rounds=${TRIALS:-3} first_seed=${SEED:-1}
for ((round = 0; round < rounds; round++)); do
    export TRIALS=1 SEED=$((first_seed + round))
    for name in ${TOPOLOGIES:-single 2-active 3-active}; do
        printf '\n%s: round %s of %s\n' "$name" "$((round + 1))" "$rounds"
        "$ROOT/compose/bin/up.sh" "$name"
        use_topology "$name"
        status=0
        lab loadtest --name-file "/results/$NAME_FILE" || status=$?
        folders+=("$(cat "$ROOT/results/$NAME_FILE" 2>/dev/null || true)")
        rm -f "$ROOT/results/$NAME_FILE"
        [ "$status" -eq 0 ] || [ "$status" -eq "$INVALID" ] || exit "$status"
    done
done
lab compare "${folders[@]}"
