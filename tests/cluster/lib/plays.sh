# What each play is made of. README.md lists them.

print_stages() {
  local unplayed="    - {key: '.metadata.labels[\"kwok-play\"]', operator: DoesNotExist}"
  local of_a_job="    - {key: '.metadata.ownerReferences.[].kind', operator: In, values: [Job]}"
  starts pod-ready "$unplayed" true
  ends pod-complete "$unplayed
$running
$of_a_job" "" Succeeded 0 Completed PodCompleted
  goes pod-delete "    - {key: '.metadata.labels[\"kwok-play\"]', operator: NotIn, values: [slow-to-end]}" ""
  print_failures_to_start
  print_failures_to_run
  print_slow_ones
}

starts() { # STAGE, selector of the play, ready
  runs "$1" "$2
$pending
$unstarted" "" "$3"
}

print_failures_to_start() {
  local pull='failed to pull and unpack image \"%s\": failed to resolve reference \"%s\": '
  pull_fails image-not-found "\"rpc error: code = NotFound desc = $pull%s: not found\" \$container.image \$container.image \$container.image"
  pull_fails pull-unauthorized \
    "\"${pull}pulling from host %s failed with status code [manifests %s]: 401 Unauthorized\" \$container.image \$container.image \$host \$tag"
  pull_fails registry-unreachable \
    "\"${pull}failed to do request: Head \\\"https://%s/v2/\\\": dial tcp %s: connect: connection refused\" \$container.image \$container.image \$host \$host"
  waits_at_start invalid-image-name InvalidImageName \
    "{{ printf \"Failed to apply default image tag \\\"%s\\\": couldn't parse image name \\\"%s\\\": invalid reference format\" \$container.image \$container.image | Quote }}"
  waits_at_start missing-config-key CreateContainerConfigError \
    "{{ printf \"couldn't find key url in Secret %s/shop-db\" \$root.metadata.namespace | Quote }}"
  waits_at_start never-starts ContainerCreating '""'
  init_fails init-fails "$(play_is init-fails)
$pending
$unstarted"
}

print_failures_to_run() {
  local play code reason
  starts never-ready "$(play_is never-ready)" false
  starts lost-start "$(play_is readiness-lost)" true
  runs readiness-lost "$(play_is readiness-lost)
$running
$(ready_is True)" "$(after_annotation 5000)" false
  starts later-start "$(play_is crash-later)" true
  crashes crash-later "$(play_is crash-later)
$running
$(restarts_are 0)" "$(after_annotation 5000)" 1 1 Error
  for play in "crash-loop 1 Error" "out-of-memory 137 OOMKilled"; do
    read -r play code reason <<<"$play"
    starts "$play-start" "$(play_is "$play")" false
    crashes "$play-first" "$(play_is "$play")
$running
$(restarts_are 0)" "$(after 300)" 1 "$code" "$reason"
    crashes "$play-second" "$(play_is "$play")
$running
$(restarts_are 1)" "$(after 700)" 2 "$code" "$reason"
  done
  ends job-fails "$(play_is job-fails)
$pending
$unstarted" "" Failed 1 Error PodFailed
}

print_slow_ones() {
  starts slow-start "$(play_is slow-ready)" false
  runs slow-ready "$(play_is slow-ready)
$running
$(ready_is False)" "$(after_annotation 3000)" true
  starts job-slow-start "$(play_is job-slow)" true
  ends job-slow "$(play_is job-slow)
$running" "$(after_annotation 3000)" Succeeded 0 Completed PodCompleted
  starts slow-to-end-start "$(play_is slow-to-end)" true
  goes slow-to-end "$(play_is slow-to-end)" "$(after_annotation 5000)"
}
