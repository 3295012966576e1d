#!/bin/bash
# entrypoint.sh balancer|check|docker-proxy: the two jobs of this image, and the test of a configuration.
set -euo pipefail
cd /etc/haproxy-lab

# The whole body of a request has to fit one buffer: only then can it be measured without a Content-Length, and sent
# again to another server when the first one dies. The rest of the buffer is for the headers and HAProxy's own marks.
BUFFER_SIZE=$((${MAX_BODY_BYTES:-1048576} + 65536))
export BUFFER_SIZE

case "${1:-}" in
balancer | check)
    # The stanzas of the topology come from the topology file, which says once who serves and who stands by.
    printf '%s\n' "${TOPOLOGY_BACKENDS:?no backends: start HAProxy with a topology file}" >/tmp/topology.cfg
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
