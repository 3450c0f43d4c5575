#!/usr/bin/env bash
# Compares, shows the result on the job's page and as a comment, and fails where it should.
#   DELIVERY_COMMAND      diff (with a cluster), or compare (with files alone)
#   DELIVERY_RELEASE      file, oci://… or, for diff, empty: the promoted release
#   DELIVERY_ENVIRONMENT, DELIVERY_NAMESPACE, DELIVERY_ARGUMENTS
#   DELIVERY_COMMENT      true: a comment on the pull or merge request (comment.sh)
#   DELIVERY_FAIL_ON      differences (the default), or errors: differences are shown and pass
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"
scripts=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

command=${DELIVERY_COMMAND:-diff}
case "$command" in
  diff|compare) ;;
  *) fail "expected the command diff or compare, found \"$command\"" ;;
esac
fail_on=${DELIVERY_FAIL_ON:-differences}
case "$fail_on" in
  differences|errors) ;;
  *) fail "expected fail-on to be differences or errors, found \"$fail_on\"" ;;
esac

words=("$command")
add_lines "${DELIVERY_RELEASE:-}"
add_lines "${DELIVERY_ENVIRONMENT:-}" --environment
[ -z "${DELIVERY_NAMESPACE:-}" ] || words+=(--namespace "$DELIVERY_NAMESPACE")
add_lines "${DELIVERY_ARGUMENTS:-}"

page=$(mktemp)
compared=$(mktemp)
trap 'rm -f "$page" "$compared"' EXIT
status=0
delivery "${words[@]}" --output markdown >"$compared" || status=$?
# 0 is in sync, 1 is differences, and above are errors, which the program has named.
[ "$status" -le 1 ] || exit "$status"

# The program names the release in its first line; two comparisons of one release are two comments.
key=$(printf '%s' "$command ${DELIVERY_ENVIRONMENT:-} ${DELIVERY_NAMESPACE:-}" | tr -cd 'A-Za-z0-9._/ -' | tr -s ' -')
key=${key% }
{ sed '1s| -->$| \| '"$key"' -->|;q' "$compared"; tail -n +2 "$compared"; } >"$page"

set_output differences "$([ "$status" = 0 ] && echo false || echo true)"
[ -z "${GITHUB_STEP_SUMMARY:-}" ] || cat "$page" >>"$GITHUB_STEP_SUMMARY"
[ -n "${GITHUB_STEP_SUMMARY:-}" ] || cat "$page"
if [ "${DELIVERY_COMMENT:-false}" = true ]; then
  bash "$scripts/comment.sh" "$page"
fi
[ "$fail_on" = differences ] || status=0
exit "$status"
