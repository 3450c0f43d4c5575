# Where things are, and how this tool speaks. Sourced by the scripts of this folder.

here=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cache=${KUBECTL_DELIVERY_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/kubectl-delivery}
clusters=$cache/clusters

say() { printf 'cluster: %s\n' "$*" >&2; }
fail() { printf 'cluster: %s\n' "$*" >&2; exit 1; }

# The folder of the built tools: keyed by what decides their content.
tools_dir() {
  local key
  key=$(cat "$here/go.mod" "$here/go.sum" "$here/lib/build.sh" | sha256sum | cut -c1-16)
  printf '%s/tools/%s' "$cache" "$key"
}

need() { # command, what to install
  command -v "$1" >/dev/null || fail "$1 is missing: $2"
}

free_port() {
  python3 -c 'import socket; s=socket.socket(); s.bind(("127.0.0.1",0)); print(s.getsockname()[1])' 2>/dev/null ||
    { local port; while port=$((20000 + RANDOM % 30000)); (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; do :; done; echo "$port"; }
}

port_is_open() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

# wait_for SECONDS COMMAND…: until it succeeds.
wait_for() {
  local until=$((SECONDS + $1)); shift
  until "$@" >/dev/null 2>&1; do
    [ $SECONDS -lt $until ] || return 1
    sleep 0.1
  done
}

# Ends the process of a pid file that we wrote, if it is still ours (same command name).
end_process() { # pid file, command name
  [ -f "$1" ] || return 0
  local pid; pid=$(cat "$1")
  if [ -r "/proc/$pid/comm" ] && [ "$(cat "/proc/$pid/comm")" = "${2:0:15}" ]; then
    kill "$pid" 2>/dev/null || true
    wait_for 10 bash -c "! kill -0 $pid" || kill -9 "$pid" 2>/dev/null || true
  fi
  rm -f "$1"
}
