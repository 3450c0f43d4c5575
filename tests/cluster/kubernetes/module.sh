#!/usr/bin/env bash
# Makes the module of an older Kubernetes, from which `K8S=MINOR ../cluster.sh` builds its tools: module.sh 1.33.13
# writes 1.33/go.mod and go.sum. Kubernetes replaces its staging modules by folders of its own repository; here each is
# replaced by the module that was published with the same version, but for those that are named after it:
# module.sh 1.32.13 endpointslice@v0.32.12, where a proxy does not have one.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

[[ ${1:-} =~ ^1\.([0-9]+)\.([0-9]+)$ ]] || { echo "usage: module.sh VERSION, such as 1.33.13" >&2; exit 1; }
version=$1 minor=1.${BASH_REMATCH[1]} staging=v0.${BASH_REMATCH[1]}.${BASH_REMATCH[2]}

part=$(mktemp -d)
trap 'rm -rf "$part"' EXIT
cd "$part"
export GOFLAGS=
go mod init "kubectl-delivery.io/tests/cluster/kubernetes/$minor" 2>/dev/null
published=$(go mod download -json "k8s.io/kubernetes@v$version" | sed -n 's/^\t"GoMod": "\(.*\)",*$/\1/p')
[ -f "$published" ] || { echo "there is no k8s.io/kubernetes v$version" >&2; exit 1; }
go mod edit -go=1.26.0
while read -r module; do
  go mod edit -replace "$module=$module@$staging"
done < <(sed -n 's|^\s*\(replace \)\?\(\S\+\)\( v\S*\)\? => ./staging/src/.*|\2|p' "$published")
for other in "${@:2}"; do go mod edit -replace "k8s.io/${other%@*}=k8s.io/$other"; done
go get -tool "k8s.io/kubernetes/cmd/"{kube-apiserver,kube-controller-manager,kube-scheduler,kubectl}"@v$version"
go mod tidy
cd - >/dev/null
mkdir -p "$minor"
cp "$part/go.mod" "$part/go.sum" "$minor/"
echo "$PWD/$minor/go.mod"
