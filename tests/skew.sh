#!/usr/bin/env bash
# Runs cluster tests on one Kubernetes: skew.sh MINOR COMMAND…, on a control plane of its own, which is stopped afterwards.
# A whole run (no TESTS) writes its row of docs/kubernetes-versions.md.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
cluster=$PWD/tests/cluster/cluster.sh
document=docs/kubernetes-versions.md

[ $# -gt 1 ] && [ -n "$1" ] || { echo "usage: make skew K8S=MINOR, of $("$cluster" minors | paste -sd ' ')" >&2; exit 1; }
export K8S=$1 APPLIES=${APPLIES:-3300}
shift
name=skew-${K8S//./-}
log=${CARGO_TARGET_DIR:-target}/skew/$K8S.log
mkdir -p "$(dirname "$log")"

# The table ends the document; its rows stand in the order of the minors.
write_row() { # version, tests, the proof, seconds
  local row
  row="| $K8S | $1 | $2 | $3 | $4 | $(date -u +%F), $(nproc) processors |"
  {
    grep -v '^| 1\.' "$document"
    { grep '^| 1\.' "$document" | grep -vF "| $K8S |" || true; echo "$row"; } | sort -t '|' -k2,2V
  } >"$log.document"
  cp "$log.document" "$document"
}

trap '"$cluster" down "$name"' EXIT
"$cluster" up "$name"
KUBECTL_DELIVERY_TEST_CLUSTER=$("$cluster" env "$name" | jq -r .workdir)/env.json
export KUBECTL_DELIVERY_TEST_CLUSTER
version=$("$(jq -r .tools "$KUBECTL_DELIVERY_TEST_CLUSTER")/kubectl" \
  --kubeconfig "$(jq -r .kubeconfig "$KUBECTL_DELIVERY_TEST_CLUSTER")" version -o json | jq -r .serverVersion.gitVersion)
echo "Kubernetes $version"

status=0
"$@" 2>&1 | tee "$log" || status=$?
if [ -z "${TESTS:-}" ]; then
  read -r passed failed seconds < <(sed -nE \
    's/^test result: .* ([0-9]+) passed; ([0-9]+) failed; .* finished in ([0-9]+)\..*/\1 \2 \3/p' "$log" | tail -n 1)
  proof=$(sed -nE 's/^([0-9]+) objects: .* ([0-9]+) proved wrongly$/\2 of \1/p' "$log" | tail -n 1)
  failures=$(sed -n 's/^test \(.*\) \.\.\. FAILED$/\1/p' "$log" | sort | paste -sd, | sed 's/,/, /g')
  write_row "${version#v}" "$passed of $((passed + failed))${failures:+ (failed: $failures)}" "${proof:-–}" "$seconds"
fi
exit $status
