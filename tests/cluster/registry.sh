#!/usr/bin/env bash
# A registry that asks for a password, and speaks TLS where told: Debian's docker-registry on a loopback port, for the tests
# of credentials. What it holds lives in DIR and goes with `down`.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib/common.sh"

usage() {
  cat >&2 <<'EOF'
usage: registry.sh up DIR [--port PORT] [--user NAME:PASSWORD] [--tls]   prints its host:port
       registry.sh down DIR

Without --port a free one is taken; without --user nobody is asked. With --tls the certificate, for 127.0.0.1 and
localhost, is signed by DIR/ca.crt.
EOF
  exit 1
}

make_certificate() { # DIR
  need openssl "install openssl"
  local day=2
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days $day -subj "/CN=test registry CA" \
    -addext basicConstraints=critical,CA:true -keyout "$1/ca.key" -out "$1/ca.crt" 2>/dev/null
  openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "/CN=localhost" \
    -keyout "$1/tls.key" -out "$1/tls.csr" 2>/dev/null
  openssl x509 -req -in "$1/tls.csr" -CA "$1/ca.crt" -CAkey "$1/ca.key" -CAcreateserial -days $day -out "$1/tls.crt" \
    -extfile <(printf 'subjectAltName=IP:127.0.0.1,DNS:localhost\nextendedKeyUsage=serverAuth\n') 2>/dev/null
}

write_configuration() { # DIR, port, user, tls
  cat <<EOF
version: 0.1
log: {level: warn}
storage:
  filesystem: {rootdirectory: $1/data}
  delete: {enabled: true}
http:
  addr: 127.0.0.1:$2
EOF
  [ -z "$4" ] || printf '  tls: {certificate: %s/tls.crt, key: %s/tls.key}\n' "$1" "$1"
  [ -z "$3" ] || printf 'auth:\n  htpasswd: {realm: test, path: %s/htpasswd}\n' "$1"
}

up() {
  local dir port="" user="" tls=""
  [ $# -ge 1 ] || usage
  mkdir -p "$1"; dir=$(cd "$1" && pwd); shift
  while [ $# -gt 0 ]; do
    case "$1" in
      --port) port=${2:?}; shift 2 ;;
      --user) user=${2:?}; shift 2 ;;
      --tls) tls=yes; shift ;;
      *) usage ;;
    esac
  done
  need docker-registry "install docker-registry"
  [ -z "$user" ] || { need htpasswd "install apache2-utils"; htpasswd -Bbn "${user%%:*}" "${user#*:}" >"$dir/htpasswd"; }
  [ -z "$tls" ] || make_certificate "$dir"
  # Two tests may look for a port at the same moment: one registry starts at a time.
  mkdir -p "$cache"
  exec 7>"$cache/.registry"; flock 7
  port=${port:-$(free_port)}
  ! port_is_open "$port" || fail "127.0.0.1:$port is taken: free it, or leave --port out"
  write_configuration "$dir" "$port" "$user" "$tls" >"$dir/registry.yml"
  setsid docker-registry serve "$dir/registry.yml" >"$dir/registry.log" 2>&1 </dev/null 7>&- &
  echo $! >"$dir/registry.pid"
  wait_for 10 port_is_open "$port" || { cat "$dir/registry.log" >&2; fail "the registry does not answer on 127.0.0.1:$port"; }
  echo "127.0.0.1:$port"
}

down() {
  [ $# = 1 ] || usage
  [ -d "$1" ] || return 0
  local dir; dir=$(cd "$1" && pwd)
  end_process "$dir/registry.pid" "$dir/registry.yml"
  (cd "$dir" && rm -rf data registry.yml registry.log htpasswd ca.crt ca.key ca.srl tls.crt tls.key tls.csr)
}

command=${1:-}
[ $# = 0 ] || shift
case "$command" in
  up) up "$@" ;;
  down) down "$@" ;;
  *) usage ;;
esac
