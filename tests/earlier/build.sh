#!/usr/bin/env bash
# Builds the program as it was at an earlier commit, once, into the cache, and prints its path: what it writes into a cluster
# is what a later program has to go on with.
set -euo pipefail
commit=d2582cae1e598d621677e43c574e5a7b968999fb
source "$(dirname "${BASH_SOURCE[0]}")/../cluster/lib/common.sh"
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)

# A folder of artifacts with the dependencies that the checkout has built already: most are the same, and cargo knows which.
seed() { # target folder
  local from=${CARGO_TARGET_DIR:-$root/target}/debug part
  [ -d "$from/deps" ] || return 0
  mkdir -p "$1/debug"
  for part in .fingerprint build deps; do
    cp -a --reflink=auto "$from/$part" "$1/debug/$part" || return
    rm -rf "$1/debug/$part"/kubectl[-_]delivery* "$1/debug/$part"/libkubectl_delivery*
  done
}

out=$cache/earlier/$commit
if [ ! -x "$out/kubectl-delivery" ]; then
  need cargo "install Rust (rustup.rs)"
  git -C "$root" cat-file -e "$commit^{commit}" 2>/dev/null ||
    fail "this clone does not hold the commit ${commit:0:7}: git fetch --unshallow"
  mkdir -p "$out"
  exec 8>"$out/.lock"
  flock 8
  if [ ! -x "$out/kubectl-delivery" ]; then
    say "building kubectl-delivery as of ${commit:0:7} into $out (some minutes; once)"
    rm -rf "$out/source" "$out/target"; mkdir -p "$out/source"
    git -C "$root" archive "$commit" | tar -x -C "$out/source"
    seed "$out/target" || rm -rf "$out/target"
    (cd "$out/source" && cargo build --quiet --locked --bin kubectl-delivery --target-dir "$out/target") >&2 ||
      fail "cannot build kubectl-delivery as of ${commit:0:7}"
    cp "$out/target/debug/kubectl-delivery" "$out/kubectl-delivery.part"
    rm -rf "$out/source" "$out/target"
    mv "$out/kubectl-delivery.part" "$out/kubectl-delivery"
  fi
fi
echo "$out/kubectl-delivery"
