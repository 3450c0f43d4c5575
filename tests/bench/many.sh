#!/usr/bin/env bash
# many.sh BINARY [RELEASES] [OBJECTS]: `diff -A` over many releases on a control plane of its own: whole processes, their peak
# memory and their requests. What `make bench-many` runs.
set -euo pipefail
name=bench-many
binary=$(realpath "${1:?usage: many.sh BINARY [RELEASES] [OBJECTS]}")
releases=${2:-100} objects=${3:-100}
# shellcheck source=plane.sh
source "$(dirname "${BASH_SOURCE[0]}")/plane.sh"
promote_many "$releases" "$objects" 20
# Two of them drift.
kubectl set env deployment/app-1-0 -n team-1 LEVEL=debug >/dev/null
kubectl label service service-2-0 -n team-2 example.com/edited=yes >/dev/null

# figures LABEL FLAGS…: median and worst of five runs, peak memory, and requests by method.
figures() {
  local label=$1 run started; shift
  rm -f "$work/times"
  for ((run = 0; run < 5; run++)); do
    started=${EPOCHREALTIME/./}
    "$binary" diff -A "$@" >"$work/out" 2>"$work/err" || [ $? = 1 ] || { cat "$work/err" >&2; exit 1; }
    echo $((${EPOCHREALTIME/./} - started)) >>"$work/times"
  done
  sort -n "$work/times" | awk -v label="$label" '
    {all[NR] = $1} END {printf "%-40s %6.3f s, at worst %.3f s", label, all[int((NR + 1) / 2)] / 1e6, all[NR] / 1e6}'
  /usr/bin/time -f %M -o "$work/peak" "$binary" diff -A "$@" >/dev/null 2>&1 || true
  tail -n 1 "$work/peak" | awk '{printf ", %d MiB", $1 / 1024}'
  { "$binary" diff -A "$@" -v 6 2>&1 >/dev/null || true; } | grep -c 'answered method=' | awk '{printf ", %d requests\n", $1}'
}

echo "machine: $(nproc) cores; $("$binary" --version); $releases releases, $((releases * objects)) objects"
figures "diff -A"
head -n 1 "$work/out"
figures "diff -A --mode=readonly" --mode=readonly
figures "diff -A -o json" -o json
