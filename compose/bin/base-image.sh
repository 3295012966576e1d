#!/usr/bin/env bash
# Makes sure that the one base image is there: debian:trixie-slim, pulled where that works, else
# bootstrapped from the machine's own Debian mirror (the official image is made the same way).
set -euo pipefail
. "$(dirname "$0")/common.sh"

BASE_IMAGE=${BASE_IMAGE:-hadr-lab/base:trixie-slim}
OFFICIAL=debian:trixie-slim
PULL_TIMEOUT_S=120

docker image inspect "$BASE_IMAGE" >/dev/null 2>&1 && exit 0

if docker image inspect "$OFFICIAL" >/dev/null 2>&1 || timeout "$PULL_TIMEOUT_S" docker pull -q "$OFFICIAL" >/dev/null 2>&1; then
    step "Base image: $OFFICIAL"
    docker tag "$OFFICIAL" "$BASE_IMAGE"
    exit 0
fi

if ! have mmdebstrap; then
    have apt-get || fail "the base image can neither be pulled nor bootstrapped" \
        "no image registry is in reach, and there is no apt to install mmdebstrap with" \
        "load an image of Debian 13 and tag it: docker tag IMAGE $BASE_IMAGE"
    may_install "mmdebstrap (no image registry is in reach, so the base image is built from the Debian mirror)"
    as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq update >/dev/null
    as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends mmdebstrap >/dev/null
fi
step "Base image: bootstrapping Debian 13 from this machine's mirror (about half a minute)"
work=$(mktemp -d)
# Another system's mirror has no Debian; mmdebstrap then takes its own default.
mirror=()
[ "$(os_field ID)" = debian ] && mirror=("$(debian_mirror)")
trap 'as_root rm -rf "$work"' EXIT
chmod 755 "$work"
# What the official slim image leaves out is left out here too. mmdebstrap's own shell expands the
# hooks' $1.
# shellcheck disable=SC2016
if ! as_root mmdebstrap --quiet --variant=minbase --include=ca-certificates \
    --dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/doc/*' \
    --dpkgopt='path-include=/usr/share/doc/*/copyright' --dpkgopt='path-exclude=/usr/share/locale/*' \
    --dpkgopt='path-exclude=/usr/share/info/*' \
    --customize-hook='printf "%s\n" "Dir::Cache::pkgcache \"\"; Dir::Cache::srcpkgcache \"\"; APT::Keep-Downloaded-Packages \"false\";" "DPkg::Post-Invoke { \"rm -f /var/cache/apt/archives/*.deb || true\"; };" >"$1"/etc/apt/apt.conf.d/docker-clean' \
    --customize-hook='rm -rf "$1"/var/lib/apt/lists/* "$1"/var/cache/apt/* "$1"/var/log/*' \
    trixie "$work/base.tar" "${mirror[@]}" >"$work/log" 2>&1; then
    tail -n 15 "$work/log" >&2
    fail "the base image could not be bootstrapped" "see the lines above" "check the machine's apt sources and its disk"
fi
docker import --change 'CMD ["bash"]' "$work/base.tar" "$BASE_IMAGE" >/dev/null
