#!/usr/bin/env bash
# watch.sh BINARY [RELEASES] [OBJECTS] [SECONDS]: `watch -A` over many releases on a control plane of its own: processor time and
# memory where nothing is written, and how long an edit takes to be reported and to be closed. What `make bench-watch` runs.
set -euo pipefail
name=bench-watch
binary=$(realpath "${1:?usage: watch.sh BINARY [RELEASES] [OBJECTS] [SECONDS]}")
releases=${2:-100} objects=${3:-100} idle=${4:-600}
# shellcheck source=plane.sh
source "$(dirname "${BASH_SOURCE[0]}")/plane.sh"
promote_many "$releases" "$objects" 20

# Milliseconds from now until a line of the watch has both texts, after the first SKIP lines.
until_line() {
  local skip=$1 event=$2 about=$3 started=${EPOCHREALTIME/./}
  until tail -n "+$((skip + 1))" "$work/events" | grep -F "\"$event\"" | grep -qF "$about"; do
    sleep 0.05
    ((${EPOCHREALTIME/./} - started < 60000000)) || { echo "no $event of $about" >&2; exit 1; }
  done
  echo $(((${EPOCHREALTIME/./} - started) / 1000))
}
ticks() { awk '{print $14 + $15}' "/proc/$pid/stat"; }
peak() { awk '/VmHWM/ {print int($2 / 1024)}' "/proc/$pid/status"; }

# figures LABEL FLAGS…
figures() {
  local label=$1 started before skip; shift
  started=${EPOCHREALTIME/./}
  "$binary" watch -A -o json "$@" >"$work/events" 2>"$work/err" &
  pid=$!
  until [ "$(grep -c '"releaseAdded"' "$work/events")" = "$releases" ]; do sleep 0.1; done
  echo "$label: $releases releases taken in after $(((${EPOCHREALTIME/./} - started) / 1000)) ms"
  # Each is compared twice at the start: with what it is known to need, and with what it was found to need.
  sleep 60
  before=$(ticks)
  sleep "$idle"
  awk -v ticks=$(($(ticks) - before)) -v hz="$(getconf CLK_TCK)" -v idle="$idle" -v peak="$(peak)" -v label="$label" \
    'BEGIN {printf "%s: idle for %d s: %.2f %% of a core, %d MiB at most\n", label, idle, 100 * ticks / hz / idle, peak}'
  for ((n = 1; n <= 5; n++)); do
    skip=$(wc -l <"$work/events")
    kubectl set env "deployment/app-$n-0" -n "team-$n" LEVEL=debug >/dev/null
    echo "$label: set env is an event after $(until_line "$skip" driftOpened "app-$n-0") ms"
    skip=$(wc -l <"$work/events")
    kubectl set env "deployment/app-$n-0" -n "team-$n" LEVEL- >/dev/null
    echo "$label: undone it is closed after $(until_line "$skip" driftClosed "app-$n-0") ms"
  done
  # A shell starts what runs in the background without SIGINT.
  kill -TERM "$pid"; wait "$pid" || true
  pid=
  tail -n 1 "$work/events"
}

echo "machine: $(nproc) cores; $("$binary" --version); $releases releases, $((releases * objects)) objects"
figures "auto"
figures "readonly" --mode readonly
