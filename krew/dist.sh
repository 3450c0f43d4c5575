#!/usr/bin/env bash
# Builds one platform's archive, reproducibly, and dist/delivery.yaml with its sha256. TARGET names another platform's
# Rust target than this host's.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
version=v$(cargo metadata --no-deps --format-version 1 | jq -r '.packages[0].version')
target=${TARGET:-$(rustc -vV | sed -n 's/^host: //p')}
case $target in
  x86_64-*) arch=amd64 ;;
  aarch64-*) arch=arm64 ;;
  *) echo "expected an x86_64 or aarch64 target, found $target" >&2; exit 1 ;;
esac
case $target in
  *-linux-*) os=linux ;;
  *-apple-darwin) os=darwin ;;
  *) echo "expected a linux or darwin target, found $target" >&2; exit 1 ;;
esac

# The same sources give the same bytes: no paths of this machine, no times, no names.
export SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct)}
export RUSTFLAGS="--remap-path-prefix=$PWD=/build --remap-path-prefix=${CARGO_HOME:-$HOME/.cargo}=/cargo"
export CARGO_INCREMENTAL=0
export CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-target}/dist
echo "building $version for $target (the first time some minutes)" >&2
cargo build --quiet --release --locked --target "$target"

name=kubectl-delivery_${version}_${os}_${arch}
stage=$(mktemp -d)
trap 'rm -rf "$stage"' EXIT
install -m 755 "$CARGO_TARGET_DIR/$target/release/kubectl-delivery" "$stage/kubectl-delivery"
install -m 644 LICENSE README.md "$stage/" 2>/dev/null || install -m 644 LICENSE "$stage/"
out=${DIST:-dist}
mkdir -p "$out"
tar=$(command -v gtar || command -v tar)
(cd "$stage" && "$tar" --sort=name --format=ustar --owner=0 --group=0 --numeric-owner --mtime="@$SOURCE_DATE_EPOCH" -cf - -- *) |
  gzip -n -9 > "$out/$name.tar.gz"
if command -v sha256sum >/dev/null; then sum=$(sha256sum "$out/$name.tar.gz"); else sum=$(shasum -a 256 "$out/$name.tar.gz"); fi
sum=${sum%% *}
echo "$sum  $name.tar.gz" > "$out/$name.tar.gz.sha256"

# The sum goes into the line after the platform's uri.
awk -v version="$version" -v archive="$name.tar.gz" -v sum="$sum" '
  $1 == "version:" { sub(/v[0-9].*/, version) }
  $1 == "uri:" { found = index($0, archive) }
  $1 == "sha256:" && found { sub(/"[0-9a-f]*"/, "\"" sum "\""); found = 0 }
  { print }' krew/delivery.yaml > "$out/delivery.yaml"
echo "$out/$name.tar.gz $sum"
