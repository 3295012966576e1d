#!/usr/bin/env bash
# test.sh all|more [PYTEST ARGUMENTS]: the tests, in their own virtual environment and projects.
# all: lint, types, unit, integration and end-to-end tests. more: every shipped scenario on
# 2-active.
set -euo pipefail
. "$(dirname "$0")/env.sh"
cd "$ROOT"

PART=${1:-all}
shift || true
case "$PART" in all | more) ;; *) fail "there are no tests '$PART'" "" "make test or make test-more" ;; esac

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
install_browser() {
    have apt-get || fail "chromium is missing" "the tests open the report in it" "install it"
    may_install chromium
    step "Installing chromium"
    as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq update
    as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends chromium fonts-dejavu-core >/dev/null
}

if [ "$PART" = all ]; then
    have chromium || install_browser
    step "Lint and types"
    ruff check
    ruff format --check
    mypy services/shared services/predictor/src services/predictor/training services/controller/src services/lab/src locust/locustfile.py tests
    shellcheck --external-sources --source-path=SCRIPTDIR compose/bin/*.sh haproxy/entrypoint.sh .ci/run
    hadolint services/Dockerfile haproxy/Dockerfile

    # Most of them wait for something most of the time, so three at once fit two cores.
    step "Unit tests"
    pytest -n 3 tests/unit "$@"
fi

"$ROOT/compose/bin/engine.sh"
"$ROOT/compose/bin/base-image.sh"
"$ROOT/compose/bin/build.sh"

# Projects and ports of their own: a lab that runs is left alone.
export HADR_PROJECT=${HADR_TEST_PROJECT:-hadr-lab-test}
export HADR_PORT=${HADR_TEST_PORT:-18000} HADR_STATS_PORT=${HADR_TEST_STATS_PORT:-18404}
export HADR_CONTROLLER_PORT=${HADR_TEST_CONTROLLER_PORT:-18405} HADR_LOCUST_PORT=${HADR_TEST_LOCUST_PORT:-18089}
down() { for project in "$HADR_PROJECT" "$HADR_PROJECT-1"; do HADR_PROJECT=$project "$ROOT/compose/bin/down.sh"; done; }
down
trap down EXIT
if [ "$PART" = more ]; then
    step "Every shipped scenario on 2-active (about fifteen minutes)"
    pytest tests/more "$@"
else
    # In two processes, each with a lab of its own: most of the time they wait.
    step "Integration and end-to-end tests (about five minutes)"
    pytest -n 2 --dist loadfile --no-loadscope-reorder tests/e2e tests/integration "$@"
fi
