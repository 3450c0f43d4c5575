#!/usr/bin/env bash
# check-archive.sh ARCHIVE: the sum is right; the program in it runs, names its version and platform, and is static on Linux.
set -euo pipefail
archive=${1:?usage: check-archive.sh ARCHIVE}
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
fail() { echo "$archive: $*" >&2; exit 1; }

if command -v sha256sum >/dev/null; then sum=$(sha256sum "$archive"); else sum=$(shasum -a 256 "$archive"); fi
[ "$(cut -d ' ' -f 1 "$archive.sha256")" = "${sum%% *}" ] || fail "the sum is another"
tar -xzf "$archive" -C "$folder"
for file in LICENSE README.md; do [ -s "$folder/$file" ] || fail "$file is missing"; done

name=${archive##*/} name=${name%.tar.gz}
IFS=_ read -r _ version os arch <<<"$name"
program=$folder/kubectl-delivery
[ "$os" != windows ] || program+=.exe
# A program that needs a C library of the machine runs on some machines alone.
if [ "$os" = linux ]; then
  needed=$(LC_ALL=C ldd "$program" 2>&1 || true)
  [[ "$needed" != *"=>"* ]] || fail "the program needs libraries: $(tr -s ' \t\n' ' ' <<<"$needed")"
fi
ran=$("$program" version --client)
[ "${ran%$'\r'}" = "client: $version ($os/$arch)" ] || fail "expected client: $version ($os/$arch), found $ran"
echo "$archive: $ran"
