#!/usr/bin/env bash
# Builds one platform's archive, reproducibly, and krew's manifests with its sum, in dist/. TARGET names another platform's
# Rust target than this host's; AUDITABLE=1 has the program hold the list of its dependencies (cargo-auditable).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
version=v$(cargo metadata --no-deps --format-version 1 | jq -r '.packages[0].version')
target=${TARGET:-$(rustc -vV | sed -n 's/^host: //p')}
program=kubectl-delivery
case $target in
  x86_64-*) arch=amd64 ;;
  aarch64-*) arch=arm64 ;;
  *) echo "expected an x86_64 or aarch64 target, found $target" >&2; exit 1 ;;
esac
case $target in
  *-linux-*) os=linux ;;
  *-apple-darwin) os=darwin ;;
  *-windows-*) os=windows program=kubectl-delivery.exe ;;
  *) echo "expected a linux, darwin or windows target, found $target" >&2; exit 1 ;;
esac

# Debian's compiler for musl has one name on every architecture.
case $target in
  *-musl) export "CC_${target//-/_}=${CC:-musl-gcc}" ;;
esac

# The same sources give the same bytes: no paths of this machine, no times, no names.
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct)}
here=$(pwd -W 2>/dev/null || pwd) # as rustc sees it, on Windows
export SOURCE_DATE_EPOCH
export RUSTFLAGS="--remap-path-prefix=$here=/build --remap-path-prefix=${CARGO_HOME:-$HOME/.cargo}=/cargo"
# Smaller: no tables for unwinding, which nothing does, and one bit for each address that the loader adjusts. The compiler
# can leave the tables out of its own functions only.
case $os in
  linux) RUSTFLAGS+=" -Clink-arg=-Wl,-T,release/no-unwinding.ld -Clink-arg=-Wl,-z,pack-relative-relocs" ;;
esac
export CARGO_INCREMENTAL=0
export CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-target}/dist
build=(cargo build)
[ -z "${AUDITABLE:-}" ] || build=(cargo auditable build)
echo "building $version for $target (the first time some minutes)" >&2
"${build[@]}" --quiet --release --locked --bin kubectl-delivery --target "$target"

out=${DIST:-dist}
mkdir -p "$out"
release/pack.sh "$CARGO_TARGET_DIR/$target/release/$program" "$out/kubectl-delivery_${version}_${os}_${arch}.tar.gz"
release/manifests.sh "$out"
