#!/usr/bin/env bash
# Builds a controller of another project from its Go module, once, and prints the folder that holds it and its CRDs (crds/).
set -euo pipefail
engine=${1:-}
source "$(dirname "${BASH_SOURCE[0]}")/../cluster/lib/common.sh"
modules=$(cd "$(dirname "${BASH_SOURCE[0]}")/$engine" && pwd) && [ -f "$modules/go.mod" ] || fail "usage: build.sh rollouts|flux"

# The folder of a module that is no dependency of the build, checked by its hash.
folder_of() { # module@version, hash
  local answer
  answer=$(cd "$modules" && go mod download -json "$1") || fail "$1 cannot be downloaded: $answer"
  grep -qF "\"Sum\": \"$2\"" <<<"$answer" || fail "$1 is expected to have the hash $2: $answer"
  sed -n 's/^\t"Dir": "\(.*\)",*$/\1/p' <<<"$answer"
}

folder_in_build() { (cd "$modules" && go list -m -f '{{.Dir}}' "$1"); } # module

crds() { # the folders of the engine's CRDs
  case $engine in
    rollouts) echo "$(folder_in_build github.com/argoproj/argo-rollouts)/manifests/crds" ;;
    flux)
      echo "$(folder_in_build github.com/fluxcd/kustomize-controller)/config/crd/bases"
      echo "$(folder_of github.com/fluxcd/source-controller@v1.9.6 h1:nG534/bI6nVpyHra7ONAk6xDB3xPsVT+EOLHZHXPrrc=)/config/crd/bases" ;;
  esac
}

key=$(cat "$modules/go.mod" "$modules/go.sum" "${BASH_SOURCE[0]}" | sha256sum | cut -c1-16)
out=$cache/engines/$engine-$key
if [ ! -f "$out/complete" ]; then
  need go "install Go 1.26 or newer"
  mkdir -p "$cache/engines"
  exec 8>"$cache/engines/.$engine.lock"
  flock -n 8 || { say "another build of $engine is running; waiting for it"; flock 8; }
fi
if [ ! -f "$out/complete" ]; then
  package=$(sed -n 's/^tool //p' "$modules/go.mod")
  say "building $package into $out (some nine minutes on 2 cores; once)"
  rm -rf "$out.part"; mkdir -p "$out.part/crds"
  folders=$(crds)
  while read -r folder; do
    for file in "$folder"/*.yaml; do [[ $file == */kustomization.yaml ]] || cat "$file" >"$out.part/crds/${file##*/}"; done
  done <<<"$folders"
  # As the control plane's tools: what both compile is compiled once.
  (cd "$modules" && CGO_ENABLED=0 GOFLAGS= go build -buildvcs=false -trimpath -ldflags "-s -w" -o "$out.part/${package##*/}" "$package") ||
    fail "cannot build $package"
  touch "$out.part/complete"
  rm -rf "$out"; mv "$out.part" "$out"
fi
echo "$out"
