#!/usr/bin/env bash
# What this machine lacks for a target, before anything is built: as root on Debian it is installed, with a line that says
# so; otherwise it is named, and nothing begins.
set -euo pipefail

# purpose, command, Debian package; a package in angle brackets comes from elsewhere, a path is a file that must exist.
NEEDS="
build  cargo            <Rust, from rustup.rs>
build  go               <Go 1.26 or newer, from go.dev/dl>
build  git              git
build  flock            util-linux
build  setsid           util-linux
build  jq               jq
build  tar              tar
build  cc               gcc
lint   shellcheck       shellcheck
test   docker-registry  docker-registry
test   htpasswd         apache2-utils
test   openssl          openssl
test   skopeo           skopeo
test   prometheus       prometheus
test   script           bsdutils
test   ps               procps
test   curl             curl
e2e    prometheus       prometheus
e2e    strip            binutils
e2e    ldd              libc-bin
e2e    script           bsdutils
e2e    unshare          util-linux
e2e    nsenter          util-linux
node   containerd       containerd
node   ctr              containerd
node   runc             runc
node   busybox          busybox-static
node   iptables         iptables
node   ip               iproute2
node   mount            mount
node   /usr/lib/cni/bridge  containernetworking-plugins
"

say() { printf 'needs: %s\n' "$*" >&2; }

usage() {
  echo "usage: needs.sh PURPOSE…    purposes: $(awk 'NF {print $1}' <<<"$NEEDS" | sort -u | paste -sd ' ')" >&2
  exit 1
}

is_there() { # command or path
  case "$1" in
    # Where the plugins of other packages lie.
    /usr/lib/cni/*) [ -e "$1" ] || [ -e "/opt/cni/bin/${1##*/}" ] ;;
    *) command -v "$1" >/dev/null ;;
  esac
}

# Sets `missing` to the commands that are missing for the purposes, `packages` to what has them, `elsewhere` to what no package has.
find_missing() {
  local purpose name package wanted=" $* "
  missing=() packages=() elsewhere=()
  while read -r purpose name package; do
    [[ -n "$purpose" && "$wanted" == *" $purpose "* ]] || continue
    is_there "$name" && continue
    case "$package" in
      "<"*) package=${package#<}; elsewhere+=("${package%>}") ;;
      *)
        [[ " ${missing[*]} " == *" $name "* ]] || missing+=("$name")
        [[ " ${packages[*]} " == *" $package "* ]] || packages+=("$package")
        ;;
    esac
  done <<<"$NEEDS"
}

# Debian starts a package's services at once; the tests start their own.
hold_services() {
  local policy=${NEEDS_POLICY:-/usr/sbin/policy-rc.d}
  [ -e "$policy" ] && return 0
  printf '#!/bin/sh\nexit 101\n' >"$policy"
  chmod +x "$policy"
  # shellcheck disable=SC2064 # the path of now
  trap "rm -f '$policy'" EXIT
}

install_packages() {
  say "installing the Debian packages ${packages[*]} (their services are not started)"
  hold_services
  { apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -qy --no-install-recommends "${packages[@]}"; } \
    >/dev/null || { say "cannot install ${packages[*]}"; exit 1; }
}

[ $# -gt 0 ] || usage
for purpose in "$@"; do
  grep -q "^$purpose " <<<"$NEEDS" || usage
done

find_missing "$@"
[ $((${#missing[@]} + ${#elsewhere[@]})) -gt 0 ] || exit 0
if [ ${#elsewhere[@]} -gt 0 ]; then
  # Without these nothing is built: nothing is installed either.
  for what in "${elsewhere[@]}"; do say "missing: $what"; done
elif [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
  install_packages
  find_missing "$@"
  [ ${#missing[@]} -gt 0 ] || exit 0
  say "still missing: ${missing[*]}"
  exit 1
fi
[ ${#packages[@]} = 0 ] ||
  say "missing: ${missing[*]}; on Debian, as root: apt-get install --no-install-recommends ${packages[*]}"
exit 1
