# shellcheck shell=bash
# What the scripts of the GitHub Action and the GitLab component have in common. Inputs come as variables, never as text of a
# command line: nothing of a pull request is run.

set -euo pipefail

fail() { printf 'kubectl-delivery: %s\n' "$*" >&2; exit 2; }
note() { printf 'kubectl-delivery: %s\n' "$*" >&2; }

# The program as kubectl's plugin, or by its own name where kubectl is not there.
delivery() { "${DELIVERY_PROGRAM:-kubectl-delivery}" "$@"; }

# A step's output, where the system has such.
set_output() { # name, value of one line
  [ -z "${GITHUB_OUTPUT:-}" ] || printf '%s=%s\n' "$1" "$2" >>"$GITHUB_OUTPUT"
}

# Adds the lines of a text to the array `words`, each with a flag before it where there is one: one line, one word.
add_lines() { # text, flag
  local line
  while IFS= read -r line; do
    line="${line#"${line%%[![:space:]]*}"}"
    line="${line%"${line##*[![:space:]]}"}"
    [ -n "$line" ] || continue
    [ -z "${2:-}" ] || words+=("$2")
    words+=("$line")
  done <<<"$1"
}
