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

# Below the range from which Linux takes the ports of outgoing connections, and below those that kwokctl takes.
free_port() {
  local port=$((20000 + RANDOM % 10000))
  while port_is_open "$port"; do port=$((20000 + RANDOM % 10000)); done
  echo "$port"
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

# A pid file may be older than the machine's last start: the process counts only while its command line names what we
# started it with. A process that ended and that nobody has waited for has an empty command line.
is_running() { # pid file, a text of its command line
  local pid
  pid=$(cat "$1" 2>/dev/null) && [ -n "$pid" ] && [[ "$(command_line "$pid")" == *"$2"* ]]
}

command_line() { # pid
  [ ! -r "/proc/$1/cmdline" ] || { tr '\0' ' ' <"/proc/$1/cmdline"; } 2>/dev/null || true
}

# Ends the process of a pid file that we wrote, if it is still ours.
end_process() { # pid file, a text of its command line
  if is_running "$1" "$2"; then
    kill "$(cat "$1")" 2>/dev/null || true
    wait_for 10 is_gone "$1" "$2" || kill -9 "$(cat "$1")" 2>/dev/null || true
  fi
  rm -f "$1"
}

is_gone() { ! is_running "$@"; }
