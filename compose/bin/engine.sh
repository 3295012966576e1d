#!/usr/bin/env bash
# Makes sure that a Docker engine answers, with Compose >= 2.24 and Buildx; installs and starts what
# is missing.
set -euo pipefail
. "$(dirname "$0")/common.sh"

COMPOSE_AT_LEAST=2.24.0
ENGINE_LOG=/var/log/dockerd.log
ENGINE_PIDFILE=/var/run/docker.pid
START_TIMEOUT_S=60

compose_is_recent() {
    local version
    version=$(docker compose version --short 2>/dev/null) || return 1
    [ "$(printf '%s\n%s\n' "$COMPOSE_AT_LEAST" "${version#v}" | sort -V | head -n 1)" = "$COMPOSE_AT_LEAST" ]
}
client_is_complete() { have docker && compose_is_recent && docker buildx version >/dev/null 2>&1; }
engine_answers() { docker version --format '{{.Server.Version}}' >/dev/null 2>&1; }

# Debian 12's own engine and Compose are too old. Debian 13's depend on libc6 >= 2.34 alone, so they
# are fetched from the same mirror through an apt state of their own: the machine's sources stay as
# they are.
install_on_debian_12() {
    local mirror=$1 work options
    work=$(mktemp -d)
    mkdir -p "$work/lists/partial" "$work/debs"
    chmod -R a+rX "$work"
    printf 'deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] %s trixie main\n' "$mirror" \
        >"$work/sources.list"
    options=(-qq -o "Dir::Etc::sourcelist=$work/sources.list" -o Dir::Etc::sourceparts=-
        -o "Dir::State::lists=$work/lists" -o "Dir::Cache::pkgcache=" -o "Dir::Cache::srcpkgcache=")
    as_root apt-get "${options[@]}" update &&
        (cd "$work/debs" && as_root apt-get "${options[@]}" -o APT::Sandbox::User=root download \
            docker.io docker-cli docker-compose docker-buildx) &&
        apt_install "$work"/debs/*.deb containerd runc iptables || return 1
    as_root rm -rf "$work"
}

# Nothing that is there may go for it: another engine with its containers, say.
apt_install() {
    as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq update &&
        as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends --no-remove "$@"
}

install_engine() {
    local id like version packages mirror log status=0
    id=$(os_field ID) like=$(os_field ID_LIKE) version=$(os_field VERSION_ID)
    case "$id:$version" in
        debian:12) packages="docker.io docker-cli docker-compose docker-buildx (Debian 13's, with containerd, runc, iptables)" ;;
        debian:1[3-9]*) packages="docker.io docker-cli docker-compose docker-buildx iptables" ;;
        ubuntu:*) packages="docker.io docker-compose-v2 docker-buildx" ;;
        *) fail "no Docker engine with Compose >= $COMPOSE_AT_LEAST and Buildx" \
            "the lab installs one on Debian 12 or newer and on Ubuntu; this is ${id:-unknown} $version ${like:+(like $like)}" \
            "install Docker Engine with Compose >= $COMPOSE_AT_LEAST and Buildx, then run make again" ;;
    esac
    if dpkg-query -W -f '${db:Status-Status}' docker-ce 2>/dev/null | grep -qx installed; then
        fail "Docker is installed from Docker's own packages, but Compose >= $COMPOSE_AT_LEAST or Buildx is missing" \
            "Debian's packages conflict with them" \
            "apt-get install docker-compose-plugin docker-buildx-plugin"
    fi
    may_install "$packages"
    as_root true # asks for a password, or says what is missing, before anything goes into the log
    mirror=$(debian_mirror)
    [ -n "$mirror" ] || fail "this machine has no package mirror" "apt has no 'main' source, or no lists" "apt-get update"
    step "Installing the Docker engine (about a minute)"
    log=$(mktemp)
    # Functions on the left of || run without `set -e`: each step says itself that it failed.
    if [ "$id:$version" = debian:12 ]; then
        install_on_debian_12 "$mirror" >"$log" 2>&1 || status=$?
    else
        # shellcheck disable=SC2086 # a list of package names
        apt_install $packages >"$log" 2>&1 || status=$?
    fi
    if [ "$status" -ne 0 ]; then
        tail -n 20 "$log" >&2
        fail "apt could not install the engine" "see the lines above" "fix apt, or install Docker yourself"
    fi
    rm -f "$log"
    hash -r
}

# A pid file names a live process after a hard power-off or when another process got that number;
# dockerd then refuses.
remove_stale_pidfiles() {
    local file pid
    for file in "$ENGINE_PIDFILE" /var/run/docker/containerd/containerd.pid /run/docker/containerd/containerd.pid; do
        [ -f "$file" ] || continue
        pid=$(cat "$file")
        if ! grep -qsE '^(dockerd|containerd)$' "/proc/$pid/comm"; then
            as_root rm -f "$file"
        fi
    done
}

start_engine() {
    local deadline
    if [ -d /run/systemd/system ]; then
        step "Starting the Docker engine (systemctl start docker)"
        as_root systemctl start docker
    elif have dockerd; then
        step "Starting the Docker engine (dockerd, output in $ENGINE_LOG)"
        remove_stale_pidfiles
        if ! pgrep -x dockerd >/dev/null; then
            # Detached, with no pipe of this script left open: whoever waits for the script must not
            # wait for the engine.
            as_root sh -c "setsid nohup dockerd --pidfile $ENGINE_PIDFILE >>$ENGINE_LOG 2>&1 </dev/null 8>&- 9>&- &"
        fi
    else
        fail "the Docker client is installed, but no engine answers" \
            "${DOCKER_HOST:+DOCKER_HOST=$DOCKER_HOST; }there is no dockerd on this machine to start" \
            "start your engine, then run make again"
    fi
    deadline=$((SECONDS + START_TIMEOUT_S))
    until engine_answers; do
        if [ "$SECONDS" -ge "$deadline" ]; then
            tail -n 15 "$ENGINE_LOG" 2>/dev/null >&2 || true
            fail "the Docker engine did not answer within $START_TIMEOUT_S s" "see the lines above" "read $ENGINE_LOG"
        fi
        sleep 0.2
    done
}

permission_denied() { docker version 2>&1 | grep -qi 'permission denied'; }

if ! client_is_complete || { ! engine_answers && ! have dockerd && [ -z "${DOCKER_HOST:-}" ] && ! permission_denied; }; then
    install_engine
    client_is_complete || fail "Docker still lacks Compose >= $COMPOSE_AT_LEAST or Buildx after the installation" \
        "$(docker compose version 2>&1 | head -n 1)" "remove an older docker or plugin from your PATH"
fi
if ! engine_answers; then
    if permission_denied; then
        fail "user $(id -un) may not talk to the Docker engine" "its socket belongs to another group" \
            "run as root, or: sudo usermod -aG docker $(id -un), and log in again"
    fi
    start_engine
fi
