#!/usr/bin/env bash
# lab.sh COMMAND...: a command of the lab's tool against the topology that runs.
set -euo pipefail
. "$(dirname "$0")/env.sh"
use_running_topology "${TOPOLOGY:-}"
case "$1" in experiment | experiments | chaos | loadtest) run_lock "$1" ;; esac
lab "$@"
