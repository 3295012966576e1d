#!/usr/bin/env bash
# logs.sh [SERVICE]: the logs of the lab; follows them in a terminal.
set -euo pipefail
. "$(dirname "$0")/env.sh"
use_running_topology ""
follow=()
[ "${FOLLOW:-$([ -t 1 ] && echo 1 || echo 0)}" = 1 ] && follow=(--follow)
compose logs --tail "${TAIL:-200}" "${follow[@]}" "$@"
