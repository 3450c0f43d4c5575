#!/usr/bin/env bash
# many.sh BINARY [RELEASES] [OBJECTS]: `diff -A` over many releases on a control plane of its own: whole processes, their peak
# memory and their requests. What `make bench-many` runs.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
cluster=$here/../cluster/cluster.sh
binary=$(realpath "${1:?usage: many.sh BINARY [RELEASES] [OBJECTS]}")
releases=${2:-100} objects=${3:-100} namespaces=20
name=bench-many
work=$(mktemp -d)

"$cluster" up $name
trap '"$cluster" down $name; rm -rf "$work"' EXIT
env_of() { "$cluster" env $name | sed -n "s/^ *\"$1\": \"\\(.*\\)\",*\$/\\1/p"; }
KUBECONFIG=$(env_of kubeconfig)
PATH=$(env_of tools):$PATH
export KUBECONFIG PATH

"$here/objects.sh" "$objects" one >"$work/objects.yaml"
for ((n = 0; n < namespaces; n++)); do kubectl create namespace "team-$n" >/dev/null; done
echo "promoting $releases releases of $objects objects into $namespaces namespaces"
for ((n = 0; n < releases; n++)); do
  sed -E "s/(config|service|account|app)-([0-9]+)/\\1-$n-\\2/g" "$work/objects.yaml" >"$work/$n.yaml"
  "$binary" record -f "$work/$n.yaml" --name "service-$n" --version 1 --offline -q -o "$work/$n.release.json"
  "$binary" promote "$work/$n.release.json" -n "team-$((n % namespaces))" -y >/dev/null 2>&1
done
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
