# What Compose has to know about this machine and this run; sourced by the scripts beside it.
# shellcheck shell=bash
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
STATE_DIR=$ROOT/.build
export HADR_PROJECT=${HADR_PROJECT:-hadr-lab}
export BASE_IMAGE=${BASE_IMAGE:-hadr-lab/base:trixie-slim}
# Under sudo the results belong to the person, not to root.
export HADR_UID=${SUDO_UID:-$(id -u)} HADR_GID=${SUDO_GID:-$(id -g)}
HADR_VERSION=$(sed -n 's/^version = "\(.*\)"/\1/p' "$ROOT/pyproject.toml")
if commit=$(git -C "$ROOT" describe --always --dirty --exclude='*' 2>/dev/null); then HADR_VERSION+="+$commit"; fi
export HADR_VERSION
# The bundle that names the certificate authority of a TLS-inspecting proxy, where this machine has
# one.
export HADR_CA_BUNDLE=${HADR_CA_BUNDLE:-${PIP_CERT:-${SSL_CERT_FILE:-${REQUESTS_CA_BUNDLE:-/dev/null}}}}
mkdir -p "$STATE_DIR"
[ -n "${SUDO_UID:-}" ] && chown "$HADR_UID:$HADR_GID" "$STATE_DIR"
[ -w "$STATE_DIR" ] || fail "$STATE_DIR cannot be written" "it belongs to another user" "remove it; make builds it again"
# The user's own scenarios need not exist; a folder that Docker made in their place would belong to
# root.
if [ -z "${HADR_SCENARIOS:-}" ]; then
    HADR_SCENARIOS=$ROOT/scenarios
    [ -d "$HADR_SCENARIOS" ] || HADR_SCENARIOS=$STATE_DIR/no-scenarios
    mkdir -p "$HADR_SCENARIOS"
fi
[ -d "$HADR_SCENARIOS" ] || fail "there is no folder HADR_SCENARIOS=$HADR_SCENARIOS" "" "create it, or leave the variable out"
HADR_SCENARIOS=$(cd "$HADR_SCENARIOS" && pwd) # docker takes a relative path for the name of a volume
export HADR_SCENARIOS
case "${HADR_PROJECT}" in *[!a-z0-9_-]* | '') fail "HADR_PROJECT=$HADR_PROJECT is no project name" \
    "Compose allows lower-case letters, digits, - and _" "choose another name" ;; esac

unwritable() { fail "$1 cannot be written" "it belongs to another user" "remove it"; }

# lock: one make at a time starts or stops a lab. Held until this script ends; commands that outlive
# it get 8>&- 9>&-.
lock() {
    local file=$STATE_DIR/$HADR_PROJECT.lock
    { exec 9<>"$file"; } 2>/dev/null || unwritable "$file"
    flock --wait 5 9 || fail "another make is starting or stopping this lab (process $(cat "$file"))" \
        "two at once would undo each other's work" "wait for it"
    printf '%s\n' "$$" >"$file"
}

# run_lock WHAT: one measurement at a time; two at once would be judged for each other's load and
# faults.
run_lock() {
    local file=$STATE_DIR/$HADR_PROJECT.run.lock
    { exec 8<>"$file"; } 2>/dev/null || unwritable "$file"
    flock --nonblock 8 || fail "make $(cat "$file") is running on this lab" \
        "two measurements at once would be judged for each other's load and faults" "wait for it, or end it"
    printf '%s (process %s)\n' "$1" "$$" >"$file"
}

topologies() { (cd "$ROOT/compose/topologies" && for file in *.yaml; do printf '%s ' "${file%.yaml}"; done); }

require_topology() {
    [ -f "$ROOT/compose/topologies/$1.yaml" ] || fail "there is no topology '$1'" \
        "compose/topologies/ has: $(topologies)" "make up with TOPOLOGY= one of these, or: make topology NAME=$1 ACTIVE=2 STANDBY=1"
}

# The topology that runs is written on its own HAProxy container; there is no other note of it.
running_topology() {
    docker ps --filter "label=com.docker.compose.project=$HADR_PROJECT" \
        --filter label=com.docker.compose.service=haproxy --format '{{.Label "hadr.topology"}}' 2>/dev/null | head -n 1
}

# use_topology NAME: what every later call of `compose` is about.
use_topology() {
    export TOPOLOGY=$1
    # The group of the socket as a container sees it: on Docker Desktop that is not the host's.
    if [ -z "${DOCKER_SOCKET_GID:-}" ]; then
        DOCKER_SOCKET_GID=$(stat -c %g "${DOCKER_SOCKET:-/var/run/docker.sock}" 2>/dev/null || printf 0)
        export DOCKER_SOCKET_GID
    fi
}

use_running_topology() {
    docker version >/dev/null 2>&1 || fail "no Docker engine answers" "" "make up"
    local running
    running=$(running_topology)
    [ -n "$running" ] || fail "no topology is running" "" "make up TOPOLOGY=NAME, with one of: $(topologies)"
    if [ -n "${1:-}" ] && [ "$1" != "$running" ]; then
        fail "TOPOLOGY=$1 was asked for, but '$running' is running" "" "make up TOPOLOGY=$1"
    fi
    use_topology "$running"
}

compose() {
    docker compose --project-directory "$ROOT/compose" -f "$ROOT/compose/compose.yaml" \
        -f "$ROOT/compose/topologies/$TOPOLOGY.yaml" --profile "$TOPOLOGY" "$@"
}

# lab COMMAND...: the lab's tool in its container; with a terminal where there is one.
lab() {
    mkdir -p "$ROOT/results"
    [ -n "${SUDO_UID:-}" ] && chown "$HADR_UID:$HADR_GID" "$ROOT/results"
    local terminal=(-T)
    [ -t 0 ] && [ -t 1 ] && terminal=()
    # Compose may die before its container (a closed pipe, a lost terminal): SIGTERM lets the tool
    # undo its fault.
    # shellcheck disable=SC2064 # the name as it is now
    trap "docker stop --time 10 $HADR_PROJECT-lab-$$ >/dev/null 2>&1 || true" EXIT
    # shellcheck disable=SC2086 # LAB_RUN_OPTIONS is a list of options
    compose --progress quiet run --rm --name "$HADR_PROJECT-lab-$$" ${LAB_RUN_OPTIONS:-} "${terminal[@]}" lab "$@"
}
