#!/usr/bin/env bash
# comment.sh PAGE: PAGE as a comment on the pull request (GitHub) or merge request (GitLab) of this run. A page begins with a
# line that names what was compared: a comment of ours that begins with the same line is replaced.
#   GITHUB_TOKEN (pull-requests: write), or GITLAB_TOKEN (a project's access token, api): a job's own token may not comment
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"
page=${1:?usage: comment.sh PAGE}

marker=$(head -n 1 "$page")
[[ "$marker" == "<!-- kubectl-delivery: "* ]] || fail "$page does not begin as a comparison does"
answer=$(mktemp)
body=$(mktemp)
trap 'rm -f "$answer" "$body"' EXIT

# The token goes through a pipe: in a command line every process of the machine could read it.
call() { # method, url, file with the body or nothing; prints the status
  local method=$1 url=$2 words=()
  # What writes is not tried twice: it could have worked.
  if [ -n "${3:-}" ]; then words=(--data-binary "@$3" --header 'Content-Type: application/json'); else words=(--retry 2); fi
  curl -sS --config - --request "$method" --max-time 60 --output "$answer" --write-out '%{http_code}' \
    "${words[@]}" "$url" <<<"header = \"$credentials\"" || true
}

# Prints the id of our comment, if there is one. Another user can write the same first line: the author counts as well.
find_comment() { # url of the list, jq's condition on the author
  local number code id
  for number in $(seq 1 50); do
    code=$(call GET "$1?per_page=100&page=$number")
    [ "$code" = 200 ] || { echo "$code" >&2; return 1; }
    id=$(jq -r --arg marker "$marker" "[.[] | select((.body // \"\") | startswith(\$marker)) | select($2) | .id][0] // empty" "$answer")
    [ -z "$id" ] || { echo "$id"; return 0; }
    [ "$(jq length "$answer")" = 100 ] || return 0
  done
}

if [ "${GITLAB_CI:-}" = true ]; then
  number=${CI_MERGE_REQUEST_IID:-}
  [ -n "$number" ] || { note "no merge request: nothing to comment on"; exit 0; }
  [ -n "${GITLAB_TOKEN:-}" ] || fail "a comment needs GITLAB_TOKEN (a project's access token with the scope api)"
  credentials="PRIVATE-TOKEN: $GITLAB_TOKEN"
  [ "$(call GET "${CI_API_V4_URL:?}/user")" = 200 ] || fail "GITLAB_TOKEN is not accepted"
  author=".author.id == $(jq -r .id "$answer")"
  comments=$CI_API_V4_URL/projects/${CI_PROJECT_ID:?}/merge_requests/$number/notes
  one=$comments update=PUT
else
  number=$(jq -r '.pull_request.number // (.issue | select(.pull_request) | .number) // empty' "${GITHUB_EVENT_PATH:-/dev/null}")
  [ -n "$number" ] || { note "no pull request: nothing to comment on"; exit 0; }
  [ -n "${GITHUB_TOKEN:-}" ] || fail "a comment needs GITHUB_TOKEN with pull-requests: write"
  credentials="Authorization: Bearer $GITHUB_TOKEN"
  # A workflow's own token is that of a bot.
  author='.user.type == "Bot"'
  api=${GITHUB_API_URL:-https://api.github.com}/repos/${GITHUB_REPOSITORY:?}/issues
  comments=$api/$number/comments
  one=$api/comments update=PATCH
fi

jq -Rs '{body: .}' "$page" >"$body"
if ! id=$(find_comment "$comments" "$author" 2>"$answer.error"); then
  code=$(tail -n 1 "$answer.error"); rm -f "$answer.error"
  fail "cannot read the comments of request $number: status $code"
fi
rm -f "$answer.error"
if [ -n "$id" ]; then code=$(call "$update" "$one/$id" "$body"); else code=$(call POST "$comments" "$body"); fi
case "$code" in
  200|201) note "commented on request $number" ;;
  # From a fork a workflow gets a token that may only read: the page of the job holds the same text.
  401|403|404) note "cannot comment on request $number: missing permission (status $code)" ;;
  *) fail "cannot comment on request $number: status $code" ;;
esac
