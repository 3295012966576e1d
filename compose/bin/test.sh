#!/usr/bin/env bash
# test.sh [PYTEST ARGUMENTS]: lint, types, then every test, in a virtual environment and a Compose project of its own.
set -euo pipefail
. "$(dirname "$0")/env.sh"
cd "$ROOT"

VENV=$ROOT/.venv
REQUIREMENTS=tests/requirements.txt

make_venv() {
    have python3 || fail "python3 is missing" "the tests run on the host" "install Python 3.11 or newer"
    if ! python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then
        fail "$(python3 --version) is too old for the tests" "" "install Python 3.11 or newer"
    fi
    if ! python3 -c 'import ensurepip, venv' 2>/dev/null; then
        have apt-get || fail "python3 lacks venv" "" "install it"
        may_install python3-venv
        as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq update
        as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends python3-venv
    fi
    step "Virtual environment (.venv)"
    rm -rf "$VENV"
    python3 -m venv "$VENV"
    "$VENV/bin/pip" install --quiet --disable-pip-version-check --require-hashes -r "$REQUIREMENTS"
    sha256sum "$REQUIREMENTS" >"$VENV/requirements.sha256"
}
sha256sum --check --status "$VENV/requirements.sha256" 2>/dev/null || make_venv
export PATH=$VENV/bin:$PATH

# The report is opened in a real browser.
if ! have chromium; then
    have apt-get || fail "chromium is missing" "the tests open the report in it" "install it"
    may_install chromium
    step "Installing chromium"
    as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq update
    as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends chromium fonts-dejavu-core >/dev/null
fi

step "Lint and types"
ruff check
ruff format --check
mypy services/shared services/predictor/src services/predictor/training services/controller/src services/lab/src locust/locustfile.py tests
shellcheck --external-sources --source-path=SCRIPTDIR compose/bin/*.sh haproxy/entrypoint.sh .ci/run
hadolint services/Dockerfile haproxy/Dockerfile

# Most of them wait for something most of the time, so three at once fit two cores.
step "Unit tests"
pytest -n 3 tests/unit "$@"

"$ROOT/compose/bin/engine.sh"
"$ROOT/compose/bin/base-image.sh"
"$ROOT/compose/bin/build.sh"

# A project and ports of its own: a lab that runs is left alone.
export HADR_PROJECT=${HADR_TEST_PROJECT:-hadr-lab-test}
export HADR_PORT=${HADR_TEST_PORT:-18000} HADR_STATS_PORT=${HADR_TEST_STATS_PORT:-18404}
export HADR_CONTROLLER_PORT=${HADR_TEST_CONTROLLER_PORT:-18405} HADR_LOCUST_PORT=${HADR_TEST_LOCUST_PORT:-18089}
"$ROOT/compose/bin/down.sh"
trap '"$ROOT/compose/bin/down.sh"' EXIT
step "Integration and end-to-end tests (about eleven minutes)"
pytest tests/integration tests/e2e "$@"
