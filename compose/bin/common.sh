# Shared by the host scripts: messages, and who may install what.
# shellcheck shell=bash

# Debian keeps dockerd where a person's PATH does not look.
PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin

say() { printf '%s\n' "$*"; }
step() { printf '\033[1m==>\033[0m %s\n' "$*"; }
# fail WHAT CAUSE REMEDY: the three things an error owes its reader.
fail() {
    printf 'error: %s\n' "$1" >&2
    [ -n "${2:-}" ] && printf '  cause: %s\n' "$2" >&2
    [ -n "${3:-}" ] && printf '  do:    %s\n' "$3" >&2
    exit 1
}
have() { command -v "$1" >/dev/null 2>&1; }

# as_root COMMAND...: directly for root, through sudo for anybody else.
as_root() {
    if [ "$(id -u)" -eq 0 ]; then
        "$@"
    elif have sudo; then
        sudo "$@"
    else
        fail "this needs root: $*" "you are $(id -un), and there is no sudo" "run make as root"
    fi
}

# may_install WHAT: announces an installation; asks where a person can answer; obeys
# HADR_NO_INSTALL.
may_install() {
    if [ "${HADR_NO_INSTALL:-0}" != 0 ]; then
        fail "$1 is missing" "HADR_NO_INSTALL is set, so nothing is installed" \
            "install it yourself, or unset HADR_NO_INSTALL"
    fi
    say "About to install with apt: $1"
    if [ -t 0 ]; then
        local answer
        read -r -p "Go on? [y/N] " answer # the prompt goes to stderr
        case "$answer" in [yY]*) ;; *) fail "not installed" "you answered no" "install it yourself: $1" ;; esac
    fi
}

# os_field KEY: a field of /etc/os-release.
os_field() { (. /etc/os-release 2>/dev/null && eval "printf '%s' \"\${$1:-}\""); }

# debian_mirror: the first main archive that this machine's own apt uses.
debian_mirror() {
    # shellcheck disable=SC2016 # apt's own variables
    apt-get indextargets --format '$(SITE) $(COMPONENT) $(CREATED_BY)' 2>/dev/null |
        awk '$2 == "main" && $3 == "Packages" && $1 !~ /security/ { print $1; exit }'
}
