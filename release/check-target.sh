#!/usr/bin/env bash
# check-target.sh TARGET: the program compiles for a platform, and what differs between platforms passes its unit tests there.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
target=${1:?usage: check-target.sh TARGET}
case $target in
  *-musl) export "CC_${target//-/_}=${CC:-musl-gcc}" ;;
esac
cargo check --locked --lib --bins --target "$target"
cargo test --locked --lib --target "$target" -- platform:: execute::process:: usecase::signals:: cli::program:: report::typed::
