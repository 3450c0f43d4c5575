#!/usr/bin/env bash
# Puts kubectl-delivery on the PATH of later steps: the archive of a release, checked by its sum and, with gh at hand, by its
# build provenance.
#   DELIVERY_VERSION    such as v0.1.0
#   DELIVERY_DOWNLOADS  where the archives lie, for a mirror
#   DELIVERY_VERIFY     provenance (the default; GH_TOKEN must be set), or sum where there is no gh
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

version=${DELIVERY_VERSION:-}
[[ "$version" =~ ^v[0-9]+\.[0-9]+\.[0-9]+[0-9A-Za-z.-]*$ ]] || fail "expected a version such as v0.1.0, found \"$version\""
repository=kubectl-delivery/kubectl-delivery
downloads=${DELIVERY_DOWNLOADS:-https://github.com/$repository/releases/download/$version}

case "$(uname -s)" in
  Linux) os=linux ;;
  Darwin) os=darwin ;;
  MINGW*|MSYS*|CYGWIN*) os=windows ;;
  *) fail "there is no archive for $(uname -s)" ;;
esac
case "$(uname -m)" in
  x86_64|amd64) arch=amd64 ;;
  aarch64|arm64) arch=arm64 ;;
  *) fail "there is no archive for $(uname -m)" ;;
esac
[ "$os/$arch" != windows/arm64 ] || arch=amd64 # which Windows runs there

folder=${DELIVERY_DIRECTORY:-${RUNNER_TEMP:-/tmp}/kubectl-delivery}/$version
archive=kubectl-delivery_${version}_${os}_${arch}.tar.gz
mkdir -p "$folder"
for file in "$archive" "$archive.sha256"; do
  curl -fsSL --retry 3 --proto '=https,http' --max-time 300 -o "$folder/$file" "$downloads/$file" || fail "cannot download $downloads/$file"
done

if command -v sha256sum >/dev/null; then sum=$(sha256sum "$folder/$archive"); else sum=$(shasum -a 256 "$folder/$archive"); fi
[ "$(cut -d ' ' -f 1 "$folder/$archive.sha256")" = "${sum%% *}" ] || fail "$archive has another sum than $archive.sha256"

# A sum from the same place says nothing of who built it.
case "${DELIVERY_VERIFY:-provenance}" in
  provenance)
    command -v gh >/dev/null || fail "gh is not there to verify the provenance; without it: verify: sum"
    gh attestation verify "$folder/$archive" --repo "$repository" >/dev/null ||
      fail "the provenance of $archive could not be verified"
    ;;
  sum) note "only the sum of $archive was verified" ;;
  *) fail "expected verify to be provenance or sum, found \"${DELIVERY_VERIFY}\"" ;;
esac

tar -xzf "$folder/$archive" -C "$folder"
program=$folder/kubectl-delivery
[ "$os" != windows ] || program+=.exe
ran=$("$program" version --client)
note "$ran"
[ -z "${GITHUB_PATH:-}" ] || printf '%s\n' "$folder" >>"$GITHUB_PATH"
set_output version "$version"
set_output path "$program"
