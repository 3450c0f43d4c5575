#!/usr/bin/env bash
# image.sh DIST NAME TAG: the images of a release out of its archives' programs, both variants, pushed as NAME:TAG and
# NAME:TAG-shell; prints the digest of each as GitHub's outputs `digest` and `shell-digest`.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
dist=${1:?usage: image.sh DIST NAME TAG} name=${2:?} tag=${3:?}
context=$(mktemp -d)
trap 'rm -rf "$context"' EXIT

for arch in amd64 arm64; do
  mkdir -p "$context/linux_$arch"
  tar -xzf "$dist/kubectl-delivery_${tag}_linux_$arch.tar.gz" -C "$context/linux_$arch" kubectl-delivery
done
# The stage that builds from source is replaced: the image holds the very programs that were tested.
for variant in program shell; do
  reference=$name:$tag
  output=digest
  if [ "$variant" = shell ]; then reference+=-shell output=shell-digest; fi
  docker buildx build --push --quiet --provenance=false --platform linux/amd64,linux/arm64 --target "$variant" \
    --build-context "build=$context" --metadata-file "$context/$variant.json" --tag "$reference" . >/dev/null
  echo "$output=$(jq -er '."containerimage.digest"' "$context/$variant.json")"
done
