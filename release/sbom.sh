#!/usr/bin/env bash
# sbom.sh DIST: what the program is made of, as CycloneDX (cargo-cyclonedx), with the same bytes whenever it is made.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
out=${1:?usage: sbom.sh DIST}
version=v$(cargo metadata --no-deps --format-version 1 | jq -r '.packages[0].version')
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct)}
export SOURCE_DATE_EPOCH
name=kubectl-delivery_${version}.cdx
# Without what only tests need; of every platform.
cargo cyclonedx --quiet --format json --spec-version 1.5 --no-build-deps --target all --override-filename "$name"
mkdir -p "$out"
mv "$name.json" "$out/"
jq -e '.components | length > 50' "$out/$name.json" >/dev/null || { echo "$out/$name.json lacks components" >&2; exit 1; }
