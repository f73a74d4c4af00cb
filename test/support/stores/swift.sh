#!/usr/bin/env bash
# OpenStack Swift (proxy, account, container and object server with s3api and tempauth, a memcached)
# that listens on loopback only and keeps nothing.
#
#   swift.sh install   the packages, by apt, when they are missing
#   swift.sh run       start, print "ready", serve until stdin closes, stop: a store that cannot
#                      outlive its owner, even one that was killed. The rest of its settings stand in
#                      `swift-servers.py`.
#
# Several instances run side by side when their ports differ.
# Exit: 0 done, 1 failed, 2 usage, 3 cannot be had on this machine, 4 a port is held by another.
set -uo pipefail

# The packages belong to Debian's Python, whatever `python3` comes first on the PATH.
PYTHON=/usr/bin/python3
PACKAGES=(swift-proxy swift-account swift-container swift-object memcached)

fail() { # message [code]
  printf 'swift.sh: %s\n' "$1" >&2
  exit "${2:-1}"
}

installed() {
  local name
  for name in swift-{proxy,account,container,object}-server memcached; do
    [ -x "/usr/bin/$name" ] || return 1
  done
}

install() {
  installed && return 0
  [ "$(id -u)" = 0 ] || fail 'Swift is not installed, and only root can install it' 3
  command -v apt-get >/dev/null || fail 'Swift is not installed, and there is no apt-get' 3
  export DEBIAN_FRONTEND=noninteractive RUNLEVEL=1   # RUNLEVEL: no service of the packages starts
  apt_quietly install || { apt_quietly update && apt_quietly install; } ||
    fail "apt-get cannot install Swift: $(printf '%s' "$APT_SAID" | tail -n 1)" 3
  installed || fail 'the Swift packages do not bring the programs that are needed' 3
}

apt_quietly() { # install|update
  local what=("$1")
  [ "$1" = update ] || what+=(-y --no-install-recommends "${PACKAGES[@]}")
  # Ceph may be installed at the same time, and by another test run too: one after the other.
  APT_SAID=$(flock -w 240 "${TMPDIR:-/tmp}/signet-test-apt.lock" \
    apt-get -q -o DPkg::Lock::Timeout=180 "${what[@]}" 2>&1 </dev/null)
}

run() { # leaves `root` for the trap
  install
  local servers own=()
  root=$(mktemp -d) || fail 'there is no place for temporary data'
  trap 'rm -rf -- "$root"' EXIT
  trap : PIPE   # the owner may be gone before we can say so
  servers=$(dirname -- "${BASH_SOURCE[0]}")/swift-servers.py
  # Where we may, the servers get mounts of their own: what they mount goes with the last of them.
  unshare --mount true 2>/dev/null && own=(unshare --mount)
  "${own[@]}" "$PYTHON" "$servers" "$root"
}

case "${1:-}" in
  install) install ;;
  run) run ;;
  *) fail 'usage: swift.sh install|run' 2 ;;
esac
