#!/usr/bin/env bash
# publish-index.sh DIST URL: writes krew's manifests with the sums of DIST into the index at URL, as one commit.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
dist=${1:?usage: publish-index.sh DIST URL} url=${2:?usage: publish-index.sh DIST URL}
version=v$(cargo metadata --no-deps --format-version 1 | jq -r '.packages[0].version')
index=$(mktemp -d)
trap 'rm -rf "$index"' EXIT

git clone --quiet --depth 1 "$url" "$index"
release/manifests.sh "$dist" "$index"
cd "$index"
git add plugins
# Released twice, it is the same index.
git diff --cached --quiet && { echo "the index has $version already"; exit 0; }
git -c user.name="${GIT_NAME:-kubectl-delivery}" -c user.email="${GIT_EMAIL:-noreply@kubectl-delivery.io}" commit --quiet -m "Release $version"
git push --quiet origin HEAD
echo "the index has $version now"
