#!/usr/bin/env bash
# Records a release. One value a line where there can be several:
#   DELIVERY_NAME, DELIVERY_VERSION_TEXT, DELIVERY_OUTPUT    what is recorded, and the file
#   DELIVERY_KUSTOMIZE, DELIVERY_MANIFESTS                   a directory; files and directories
#   DELIVERY_EVIDENCE                                        NAME=FILE
#   DELIVERY_NAMESPACE                                       checks the test cluster there (--from-cluster)
#   DELIVERY_ARGUMENTS                                       further words
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

[ -n "${DELIVERY_NAME:-}" ] || fail "expected a name, found none"
[ -n "${DELIVERY_VERSION_TEXT:-}" ] || fail "expected a version, found none"
output=${DELIVERY_OUTPUT:-$DELIVERY_NAME.release.yaml}

words=(record --name "$DELIVERY_NAME" --version "$DELIVERY_VERSION_TEXT" --output "$output")
add_lines "${DELIVERY_KUSTOMIZE:-}" --kustomize
add_lines "${DELIVERY_MANIFESTS:-}" --filename
add_lines "${DELIVERY_EVIDENCE:-}" --evidence
[ -z "${DELIVERY_NAMESPACE:-}" ] || words+=(--from-cluster --namespace "$DELIVERY_NAMESPACE")
add_lines "${DELIVERY_ARGUMENTS:-}"
delivery "${words[@]}"

# The digest of a release is that of its file.
if command -v sha256sum >/dev/null; then sum=$(sha256sum "$output"); else sum=$(shasum -a 256 "$output"); fi
set_output release "$output"
set_output digest "sha256:${sum%% *}"
