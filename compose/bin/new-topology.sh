#!/usr/bin/env bash
# new-topology.sh NAME ACTIVE STANDBY: writes compose/topologies/NAME.yaml, which is the user's from then on.
set -euo pipefail
. "$(dirname "$0")/common.sh"

NAME=${1:-} ACTIVE=${2:-} STANDBY=${3:-}
FOLDER=$(dirname "$0")/../topologies
FILE=compose/topologies/$NAME.yaml
USAGE="make topology NAME=5-active ACTIVE=5 STANDBY=1"
SERVERS_MAX=20

[[ $NAME =~ ^[a-z0-9][a-z0-9-]*$ ]] || fail "NAME=$NAME is no name for a topology" \
    "it is a file name and a compose profile" "use lower-case letters, digits and hyphens: $USAGE"
[[ $ACTIVE =~ ^[1-9][0-9]?$ ]] || fail "ACTIVE=$ACTIVE is not a number of servers" \
    "a topology needs at least one active server" "$USAGE"
[[ $STANDBY =~ ^[0-9]{1,2}$ ]] || fail "STANDBY=$STANDBY is not a number of servers" "" "$USAGE"
TOTAL=$((ACTIVE + STANDBY))
[ "$TOTAL" -le "$SERVERS_MAX" ] || fail "$TOTAL servers are too many" "the bound is $SERVERS_MAX" "$USAGE"
[ ! -e "$FOLDER/$NAME.yaml" ] || fail "$FILE exists" "a topology file is yours once it is written" \
    "edit it, delete it, or choose another NAME"

# The standbys lie in the second region; without a standby the last third of the servers does, so that no topology of
# two servers or more dies with one region.
first_in_region_2=$((ACTIVE + 1))
if [ "$STANDBY" -eq 0 ] && [ "$TOTAL" -gt 1 ]; then
    first_in_region_2=$((TOTAL - (TOTAL > 2 ? TOTAL / 3 : 1) + 1))
fi

describe() {
    local noun=servers verb=share
    [ "$ACTIVE" -eq 1 ] && noun=server verb=takes
    printf '# %s %s %s the load' "$ACTIVE" "$noun" "$verb"
    [ "$STANDBY" -gt 0 ] && printf '; %s more stand%s by in the second region' "$STANDBY" "$([ "$STANDBY" -eq 1 ] && printf s)"
    printf '.\n'
}

write() {
    describe
    cat <<END
# A server is active, or a standby: weight 0 below says so, and nothing else does.
x-predictor: &predictor
  extends: {file: predictor.yaml, service: predictor}
  profiles: ["$NAME"]
  # The size of one server. A short period, so that a small share of a core does not come in bursts.
  cpu_period: 10000 # us
  cpu_quota: 3000 # us in each period: 0.3 of a core
  mem_limit: 256m

services:
END
    local n region weight
    for ((n = 1; n <= TOTAL; n++)); do
        region=region-$((n >= first_in_region_2 ? 2 : 1))
        printf '  predictor-%d: {<<: *predictor, hostname: predictor-%d, labels: {hadr.region: %s}}\n' "$n" "$n" "$region"
    done
    cat <<END
  haproxy:
    environment:
      TOPOLOGY_BACKENDS: |
        backend predictors
          default-server maxconn 10 # concurrent requests per server
END
    for ((n = 1; n <= TOTAL; n++)); do
        weight=$([ "$n" -le "$ACTIVE" ] && printf 'weight 100' || printf 'weight 0 # standby')
        printf '          server predictor-%d predictor-%d:8000 check %s\n' "$n" "$n" "$weight"
    done
    cat <<END
        # Used when no server above is in rotation: whoever is healthy answers, even with the controller dead.
        backend fallback
          default-server maxconn 10
END
    for ((n = 1; n <= TOTAL; n++)); do
        printf '          server predictor-%d predictor-%d:8000 track predictors/predictor-%d\n' "$n" "$n" "$n"
    done
}

mkdir -p "$FOLDER"
write >"$FOLDER/.$NAME.tmp"
mv "$FOLDER/.$NAME.tmp" "$FOLDER/$NAME.yaml"
say "Wrote $FILE. Next: make up TOPOLOGY=$NAME"
