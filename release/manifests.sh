#!/usr/bin/env bash
# manifests.sh DIST: krew's manifests (krew/*.yaml) with this version and with the sum of each archive that is in DIST, into
# DIST. With a second argument, DIST INDEX: into the directory plugins/ of a krew index, where no sum may be missing.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
dist=${1:?usage: manifests.sh DIST [INDEX]} index=${2:-}
version=v$(cargo metadata --no-deps --format-version 1 | jq -r '.packages[0].version')
out=$dist
if [ -n "$index" ]; then
  out=$index/plugins
  mkdir -p "$out"
fi

sums=$(cat "$dist"/*.sha256)
for manifest in krew/*.yaml; do
  # The comment at the top is about this repository's copy.
  awk -v version="$version" -v sums="$sums" '
    BEGIN { n = split(sums, word); for (i = 1; i < n; i += 2) sum[word[i + 1]] = word[i] }
    /^#/ && !began { next }
    { began = 1 }
    $1 == "version:" { sub(/v[0-9][^ ]*/, version) }
    $1 == "uri:" { gsub(/v[0-9]+\.[0-9]+\.[0-9]+[^_\/]*/, version); archive = $2; sub(/.*\//, "", archive) }
    $1 == "sha256:" && archive in sum { sub(/"[0-9a-f]*"/, "\"" sum[archive] "\"") }
    { print }' "$manifest" >"$out/${manifest##*/}.part"
  mv "$out/${manifest##*/}.part" "$out/${manifest##*/}"
  if [ -n "$index" ] && grep -q '"0\{64\}"' "$out/${manifest##*/}"; then
    echo "${manifest##*/}: the archive of a platform is missing in $dist" >&2
    exit 1
  fi
done
