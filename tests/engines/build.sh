#!/usr/bin/env bash
# Builds programs of another project from its Go module, once, and prints the folder that holds them and its CRDs (crds/).
set -euo pipefail
engine=${1:-}
source "$(dirname "${BASH_SOURCE[0]}")/../cluster/lib/common.sh"
modules=$(cd "$(dirname "${BASH_SOURCE[0]}")/$engine" && pwd) && [ -f "$modules/go.mod" ] ||
  fail "usage: build.sh rollouts|flux|prometheus|alertmanager"

# The folder of a module that is no dependency of the build, checked by its hash.
folder_of() { # module@version, hash
  local answer
  answer=$(cd "$modules" && go mod download -json "$1") || fail "$1 cannot be downloaded: $answer"
  grep -qF "\"Sum\": \"$2\"" <<<"$answer" || fail "$1 is expected to have the hash $2: $answer"
  sed -n 's/^\t"Dir": "\(.*\)",*$/\1/p' <<<"$answer"
}

# The folder of a module of the build, which has none before it is downloaded.
folder_in_build() { # module
  local folder
  folder=$(cd "$modules" && go mod download "$1" && go list -m -f '{{.Dir}}' "$1") && [ -d "$folder" ] ||
    fail "$1 cannot be downloaded"
  echo "$folder"
}

crds() { # the folders of the engine's CRDs
  local folder
  case $engine in
    rollouts)
      folder=$(folder_in_build github.com/argoproj/argo-rollouts) || return
      echo "$folder/manifests/crds" ;;
    flux)
      folder=$(folder_in_build github.com/fluxcd/kustomize-controller) || return
      echo "$folder/config/crd/bases"
      folder=$(folder_of github.com/fluxcd/source-controller@v1.9.6 h1:nG534/bI6nVpyHra7ONAk6xDB3xPsVT+EOLHZHXPrrc=) || return
      echo "$folder/config/crd/bases" ;;
  esac
}

flags() { # the folder to build into; the flags of go build that this engine needs
  case $engine in
    # Of its clients of clouds that of Kubernetes alone: the others double the build.
    prometheus) echo "-tags=remove_all_sd,enable_kubernetes_sd" ;;
    # Its web pages are not in the module, and it does not compile without any: a copy gets empty ones.
    alertmanager)
      local module=github.com/prometheus/alertmanager folder page
      folder=$(folder_in_build $module) || return
      cp -R "$folder" "$1/source"; chmod -R u+w "$1/source"
      for page in elm mantine; do mkdir -p "$1/source/ui/app/dist/$page"; echo "no pages" >"$1/source/ui/app/dist/$page/index.html"; done
      cp "$modules/go.mod" "$modules/go.sum" "$1"
      go mod edit -replace "$module=$1/source" "$1/go.mod"
      echo "-modfile=$1/go.mod" ;;
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
  say "building $engine into $out (some nine minutes on 2 cores; once)"
  rm -rf "$out.part"; mkdir -p "$out.part/crds"
  folders=$(crds)
  while read -r folder; do
    for file in "$folder"/*.yaml; do [[ $file == */kustomization.yaml ]] || cat "$file" >"$out.part/crds/${file##*/}"; done
  done < <([ -z "$folders" ] || echo "$folders")
  words=$(flags "$out.part") || exit
  flags=()
  [ -z "$words" ] || mapfile -t flags <<<"$words"
  # As the control plane's tools: what both compile is compiled once.
  (cd "$modules" && CGO_ENABLED=0 GOFLAGS= go build -buildvcs=false -trimpath -ldflags "-s -w" "${flags[@]}" -o "$out.part/" tool) ||
    fail "cannot build $engine"
  rm -rf "$out.part/source" "$out.part"/go.*
  touch "$out.part/complete"
  rm -rf "$out"; mv "$out.part" "$out"
fi
echo "$out"
