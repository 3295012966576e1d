#!/usr/bin/env bash
# Measures what the lab promises (about 75 minutes). TRIALS=5 for a short one. Writes
# results/<time>-bench/.
set -euo pipefail
. "$(dirname "$0")/env.sh"
run_lock bench
TRIALS=${TRIALS:-50}
NAME=$(date -u +%Y%m%dT%H%M%SZ)-bench
BIN=$ROOT/compose/bin

now_ms() { date +%s%3N; }
measure() { lab bench --folder "/results/$NAME" --trials "$TRIALS" "$@"; }
up() {
    "$BIN/up.sh" "$1" >/dev/null
    use_topology "$1"
}
# seconds WHAT COMMAND...: times three runs of a `make up` as a user would, and keeps the median.
seconds() {
    local what=$1 bound=$2 before=$3 values=() begun sorted
    for _ in 1 2 3; do
        $before
        begun=$(now_ms)
        "$BIN/up.sh" 3-active >/dev/null
        values+=("$(($(now_ms) - begun))")
    done
    mapfile -t sorted < <(printf '%s\n' "${values[@]}" | sort -n)
    use_topology 3-active
    measure --add "$(printf '{"what": "%s", "to_reach": "median under %s s", "unit": "s", "result": %s, "reached": %s, "values": [%s, %s, %s]}' \
        "$what" "$bound" "$(awk "BEGIN { print ${sorted[1]} / 1000 }")" \
        "$([ "${sorted[1]}" -lt "$((bound * 1000))" ] && echo true || echo false)" \
        "$(awk "BEGIN { print ${values[0]} / 1000 }")" "$(awk "BEGIN { print ${values[1]} / 1000 }")" \
        "$(awk "BEGIN { print ${values[2]} / 1000 }")")"
}
stop() { "$BIN/down.sh" >/dev/null; }

step "3-active: overload, the controller when idle, a ledger of a million requests, the loss of a region"
up 3-active
measure idle overload ledger_join region_loss
step "2-active: experiments, $TRIALS of kill-active and 10 of the others"
up 2-active
measure kill_active hang region_loss rolling_restart wrong_answers
for topology in single 2-active 3-active; do
    step "$topology: rate at the first failure, bare model"
    SERVICE_MS=0 up "$topology"
    measure first_failure
done
step "make up, warm"
stop
seconds "make up, images there, nothing running" 10 stop
seconds "make up, running" 10 true
status=0 # 1: a figure was not reached
measure || status=$?
say "Every single value: results/$NAME/"
exit "$status"
