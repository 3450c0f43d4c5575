#!/usr/bin/env bash
# check-version.sh TAG: the tag, the crate, krew's manifests, the examples and the components have one version.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
tag=${1:?usage: check-version.sh TAG}
version=v$(cargo metadata --no-deps --format-version 1 | jq -r '.packages[0].version')
wrong=()
[ "$tag" = "$version" ] || wrong+=("the tag is $tag, Cargo.toml has $version")
for file in krew/delivery.yaml krew/release-drift.yaml; do
  grep -qx "  version: $version" "$file" || wrong+=("$file: expected version: $version")
done
# Each image and action of ours that a file names, with its version; v0 alone is the newest v0.
while IFS=: read -r file line named; do
  [ "${named##*[:@]}" = "$version" ] || wrong+=("$file:$line: expected $version, found $named")
done < <(grep -rnoE '(ghcr\.io/kubectl-delivery/kubectl-delivery:|kubectl-delivery/kubectl-delivery(/[a-z]+)*@)v[0-9]+\.[0-9]+\.[0-9]+[a-z0-9.-]*' \
  deploy docs templates action.yml actions README.md | sed 's/-shell$//')
grep -q "^## \[${version#v}\]" CHANGELOG.md || wrong+=("CHANGELOG.md has no section for ${version#v}")
for line in "${wrong[@]}"; do echo "$line" >&2; done
[ ${#wrong[@]} = 0 ]
