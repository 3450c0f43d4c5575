#!/usr/bin/env bash
# pack.sh PROGRAM ARCHIVE: the program and the licence, in an archive that has the same bytes whenever it is made, and its sum.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
program=${1:?usage: pack.sh PROGRAM ARCHIVE} archive=${2:?usage: pack.sh PROGRAM ARCHIVE}
time=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct)}

stage=$(mktemp -d)
trap 'rm -rf "$stage"' EXIT
install -m 755 "$program" "$stage/${program##*/}"
install -m 644 LICENSE README.md "$stage/"

# macOS has another tar: Homebrew's GNU one is gtar.
tar=$(command -v gtar || command -v tar)
(cd "$stage" && "$tar" --sort=name --format=ustar --owner=0 --group=0 --numeric-owner --mtime="@$time" -cf - -- *) |
  gzip -n -9 >"$archive.part"
# Whoever reads it meanwhile has a whole one.
mv "$archive.part" "$archive"
if command -v sha256sum >/dev/null; then sum=$(sha256sum "$archive"); else sum=$(shasum -a 256 "$archive"); fi
sum=${sum%% *}
echo "$sum  ${archive##*/}" >"$archive.sha256"
echo "$archive $sum"
