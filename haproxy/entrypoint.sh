#!/bin/bash
# entrypoint.sh balancer|check|docker-proxy: the two jobs of this image, and the test of a
# configuration.
set -euo pipefail
cd /etc/haproxy-lab

# whole NAME VALUE LOWEST: refuses what would be accepted and then do something else.
whole() {
    [[ $2 =~ ^[0-9]{1,10}$ && $2 -ge $3 ]] && return
    printf 'haproxy: %s=%s: expected a whole number from %s\n' "$1" "$2" "$3" >&2
    exit 78
}
whole MAX_BODY_BYTES "${MAX_BODY_BYTES:-1048576}" 1024
whole QUEUE_LIMIT "${QUEUE_LIMIT:-10}" 1
for name in QUEUE_TIMEOUT SERVER_TIMEOUT; do
    [[ ${!name:-1s} =~ ^[1-9][0-9]*(ms|s|m)$ ]] && continue
    printf 'haproxy: %s=%s: expected a time such as 700ms or 2s\n' "$name" "${!name}" >&2
    exit 78
done

# The whole body of a request has to fit one buffer: only then can it be measured without a
# Content-Length, and sent again to another server when the first one dies. The rest of the buffer
# is for the headers and HAProxy's own marks.
BUFFER_SIZE=$((${MAX_BODY_BYTES:-1048576} + 65536))
export BUFFER_SIZE

# backends: the topology file states each server once, who serves and who stands by (weight 0). The
# fallback has the same servers, each tracking its own line: used when no server is in rotation, so
# whoever is healthy answers, even with the controller dead.
backends() {
    local servers=${TOPOLOGY_SERVERS:?no servers: start HAProxy with a topology file} word name address rest
    printf 'backend predictors\n%s\n\nbackend fallback\n' "$servers"
    while read -r word name address rest; do
        case $word in
        default-server) printf '    default-server weight 1%s\n' "$(limit "$name $address $rest")" ;;
        server) printf '    server %s %s track predictors/%s%s\n' "$name" "$address" "$name" "$(limit "$rest")" ;;
        esac
    done <<<"$servers"
}
# limit WORDS: the maxconn among them, which holds in the fallback as well.
limit() { [[ ${1%%#*} =~ (^|[[:space:]])maxconn[[:space:]]+([0-9]+) ]] && printf ' maxconn %s' "${BASH_REMATCH[2]}" || true; }

case "${1:-}" in
balancer | check)
    backends >/tmp/topology.cfg
    if [ "$1" = check ]; then
        exec haproxy -c -q -f haproxy.cfg -f /tmp/topology.cfg
    fi
    exec haproxy -db -f haproxy.cfg -f /tmp/topology.cfg
    ;;
docker-proxy) exec haproxy -db -f docker-proxy.cfg ;;
*)
    printf 'usage: entrypoint.sh balancer|check|docker-proxy\n' >&2
    exit 2
    ;;
esac
