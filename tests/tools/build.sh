#!/usr/bin/env bash
# Builds a tool of another project from its Go module, once, into the cache, and prints the program's path.
set -euo pipefail
name=${1:-}
source "$(dirname "${BASH_SOURCE[0]}")/../cluster/lib/common.sh"
module=$(dirname "${BASH_SOURCE[0]}")/$name
[ -n "$name" ] && [ -f "$module/go.mod" ] || fail "usage: build.sh krew|actionlint"
module=$(cd "$module" && pwd)

key=$(cat "$module/go.mod" "$module/go.sum" "${BASH_SOURCE[0]}" | sha256sum | cut -c1-16)
out=$cache/tools/$name-$key
if [ ! -x "$out/$name" ]; then
  need go "install Go 1.26 or newer"
  mkdir -p "$out"
  exec 8>"$out/.lock"
  flock 8
  if [ ! -x "$out/$name" ]; then
    package=$(sed -n 's/^tool //p' "$module/go.mod")
    say "building $package (once)"
    (cd "$module" && CGO_ENABLED=0 GOFLAGS='' go build -buildvcs=false -trimpath -o "$out/$name.part" "$package") ||
      fail "cannot build $package"
    mv "$out/$name.part" "$out/$name"
  fi
fi
echo "$out/$name"
