#!/usr/bin/env bash
# The product at work on the shop, told step by step: what `make demo` runs. Each command must end with the exit code that is
# told, so the demo is a test as well. KEEP=1 leaves the shop where it is.
set -euo pipefail
shop=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
cluster=$shop/../../tests/cluster
binary=${1:?usage: demo.sh PATH-OF-THE-BINARY}

env_of() { "$cluster/cluster.sh" env | sed -n "s/^ *\"$1\": \"\\(.*\\)\",*\$/\\1/p"; }
registry=$(env_of registry)
KUBECONFIG=$(env_of kubeconfig)
work=$(mktemp -d)
mkdir "$work/bin"
ln -s "$(realpath "$binary")" "$work/bin/kubectl-delivery"
PATH=$work/bin:$(env_of tools):$PATH
export KUBECONFIG PATH

if [ -t 1 ] && [ -z "${NO_COLOR:-}" ]; then bold=$'\e[1m'; blue=$'\e[36m'; plain=$'\e[0m'; else bold=""; blue=""; plain=""; fi

chapter() { printf '\n%s%s%s\n' "$bold" "$1" "$plain"; }
tell() { printf '%s\n' "$@" | sed 's/^/  /'; }
# run CODE COMMAND…: shows it, runs it, and ends the demo where it ends otherwise.
run() {
  local expected=$1 code=0; shift
  printf '\n%s$ %s%s\n' "$blue" "$*" "$plain"
  "$@" || code=$?
  [ "$code" = "$expected" ] || { echo "demo: exit code $code where $expected was expected" >&2; exit 1; }
}

clean_up() {
  if [ -n "${KEEP:-}" ]; then
    tell "" "The shop stays: export KUBECONFIG=$KUBECONFIG PATH=$work/bin:$(env_of tools):\$PATH" "Its files are in $work"
    return
  fi
  echo; tell "Cleaning up (KEEP=1 leaves everything for playing)."
  kubectl delete namespace shop --ignore-not-found --wait=false >/dev/null
  kubectl delete persistentvolume/shop-db storageclass/on-first-use --ignore-not-found --wait=false >/dev/null 2>&1 || true
  remove_test_cluster
  rm -rf "$work"
}

# A copy of the shop with images of its own names, so that moving a tag moves nobody else's.
prepare() {
  local image overlay node=""
  cp -r "$shop"/{base,ci,production,real-node} "$work/"
  sed -i "s,127.0.0.1:5000/shop/,$registry/demo/," "$work"/*/*.yaml
  for image in web:1.0.0 web:1.1.0 api:1.0.0 db:1.0.0 migrate:1.0.0 metrics:1.0.0; do
    crane copy --insecure "$registry/shop/$image" "$registry/demo/$image" >/dev/null 2>&1
  done
  crane copy --insecure "$registry/test/crash:1.0.0" "$registry/demo/web:1.2.0" >/dev/null 2>&1
  if kubectl get nodes -l kubectl-delivery.io/node=real -o name | grep node >/dev/null; then
    node=real
    for overlay in ci production; do printf 'components: [../real-node]\n' >>"$work/$overlay/kustomization.yaml"; done
  fi
  broken=${node:+"web:1.2.0 ends with an error as soon as it starts"}
  # What an earlier run with KEEP=1 left.
  remove_test_cluster true
  kubectl delete namespace shop --ignore-not-found >/dev/null 2>&1
  kubectl delete persistentvolume/shop-db storageclass/on-first-use --ignore-not-found >/dev/null 2>&1
  kubectl create namespace shop >/dev/null
  kubectl create secret generic shop-db --namespace shop --from-literal=password=from-the-vault >/dev/null
  kubectl apply -f - >/dev/null <<EOF
apiVersion: v1
kind: PersistentVolume
metadata: {name: shop-db}
spec:
  capacity: {storage: 1Gi}
  accessModes: [ReadWriteOnce]
  storageClassName: ""
  claimRef: {namespace: shop, name: db-data}
  hostPath: {path: $work/db, type: DirectoryOrCreate}
---
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: db-data, namespace: shop}
spec: {accessModes: [ReadWriteOnce], storageClassName: "", volumeName: shop-db, resources: {requests: {storage: 1Gi}}}
EOF
}

apply_to_test_cluster() {
  kubectl create namespace shop-ci >/dev/null
  kubectl create secret generic ci-shop-db --namespace shop-ci --from-literal=password=ci-only >/dev/null
  kubectl apply --server-side -f base/crds.yaml >/dev/null
  kubectl wait --for condition=Established -f base/crds.yaml --timeout 60s >/dev/null
  kubectl delivery render "$1" | kubectl apply --server-side --force-conflicts -f - >/dev/null
  run 0 kubectl delivery wait "$1"
}

remove_test_cluster() {
  kubectl delete namespace shop-ci --ignore-not-found --wait="${1:-false}" >/dev/null 2>&1 || true
  kubectl delete storageclass/ci-on-first-use --ignore-not-found --wait=false >/dev/null 2>&1 || true
}

# The next version of the shop's web, in the manifests that all overlays share.
web_becomes() { sed -i "s,/demo/web:.*,/demo/web:$1," "$work/base/web.yaml"; }

trap clean_up EXIT
tell "Setting up: a namespace \`shop\` with the Secret and the volume that exist only in production."
prepare
cd "$work"

chapter "1. CI tests the shop, and writes down what it tested"
tell "Manifests as rendered for CI, and every image as a digest. A tag can move; this file cannot."
run 0 kubectl delivery record -k ci --name shop --version 1.0.0 -o shop-1.0.0.yaml
tell "" "It is applied to the test cluster (here: the namespace shop-ci) and tested there."
apply_to_test_cluster shop-1.0.0.yaml
echo '<testsuite name="shop"><testcase name="orders arrive"/><testcase name="payments are made"/></testsuite>' >junit.xml
tell "Recording again gives the same bytes, and the evidence beside them: what the tests found, and what every container ran."
run 0 kubectl delivery record -k ci --name shop --version 1.0.0 -o shop-1.0.0.yaml --from-cluster --evidence integration=junit.xml
remove_test_cluster

chapter "2. It is promoted to production"
tell "production/environment.yaml declares how production may differ, each with a reason. Anything else would be refused."
run 0 kubectl delivery promote shop-1.0.0.yaml -e production/environment.yaml -y
run 0 kubectl delivery status shop -n shop

chapter "3. A user edits a Deployment manually, and a tag moves"
run 0 kubectl set env deployment/web DEBUG=1 --namespace shop
kubectl rollout status deployment/web --namespace shop --timeout 60s >/dev/null
crane copy --insecure "$registry/demo/api:1.0.0" "$registry/demo/metrics:1.0.0" >/dev/null 2>&1
tell "What was tested runs by its digest. The sidecar that exists only in production runs by its tag, which points elsewhere now:"
run 0 kubectl delivery images -n shop
tell "diff says what differs, where, and by whom it was changed."
run 1 kubectl delivery diff shop-1.0.0.yaml -e production/environment.yaml

chapter "4. The next release: promoted over the edit, because we say so"
web_becomes 1.1.0
run 0 kubectl delivery record -k ci --name shop --version 1.1.0 -o shop-1.1.0.yaml
run 0 kubectl delivery promote shop-1.1.0.yaml -e production/environment.yaml -y --overwrite

chapter "5. A broken release: found early, rolled back by itself"
if [ -n "$broken" ]; then
  tell "$broken."
  web_becomes 1.2.0
else
  tell "The simulated nodes play a crash loop of web."
  sed -i 's,labels: {app: web}},labels: {app: web\, kwok-play: crash-loop}},' base/web.yaml
fi
run 0 kubectl delivery record -k ci --name shop --version 1.2.0 -o shop-1.2.0.yaml
run 3 kubectl delivery promote shop-1.2.0.yaml -e production/environment.yaml -y
tell "Production runs shop 1.1.0 again:"
run 0 kubectl delivery diff shop-1.1.0.yaml -e production/environment.yaml

chapter "6. A promotion is killed half-way; the next one resumes it"
web_becomes 1.0.0
sed -i 's/, kwok-play: crash-loop//' base/web.yaml
run 0 kubectl delivery record -k ci --name shop --version 1.3.0 -o shop-1.3.0.yaml
printf '\n%s$ kubectl delivery promote shop-1.3.0.yaml -e production/environment.yaml -y  # and kill -9 after its first change%s\n' "$blue" "$plain"
kubectl delivery promote shop-1.3.0.yaml -e production/environment.yaml -y &
promotion=$!
before=$(kubectl get deployment web --namespace shop -o 'jsonpath={.metadata.generation}')
for _ in $(seq 300); do
  [ "$(kubectl get deployment web --namespace shop -o 'jsonpath={.metadata.generation}')" = "$before" ] || break
  sleep 0.05
done
kill -9 "$promotion" 2>/dev/null || true
wait "$promotion" 2>/dev/null || true
tell "" "Its journal is in the cluster, so any machine can go on from it:"
run 0 kubectl delivery status shop -n shop
run 0 kubectl delivery promote shop-1.3.0.yaml -e production/environment.yaml -y
run 0 kubectl delivery history shop -n shop

chapter "7. And back again, with nothing but the cluster"
run 0 kubectl delivery revert shop -n shop -y
