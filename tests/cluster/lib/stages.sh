# Prints kwok's stages: what the simulated nodes do with a pod, by its label `kwok-play`.
# The statuses are those that a real kubelet writes. README.md lists the plays.

# One entry of containerStatuses; $1 = ready, $2 = restartCount, $3 = the `state` (and `lastState`) lines, indented by 8.
container_statuses() {
  cat <<EOF
      containerStatuses:
      {{ range \$container := .spec.containers }}
      {{ \$parts := splitList "@" \$container.image }}
      {{ \$name := regexReplaceAll ":[^:/]+\$" (index \$parts 0) "" }}
      {{ \$digest := printf "sha256:%s" (sha256sum \$container.image) }}
      {{ if eq (len \$parts) 2 }}{{ \$digest = index \$parts 1 }}{{ end }}
      {{ \$told := index (or \$root.metadata.annotations dict) (printf "kwok-image-id/%s" \$container.name) }}
      - name: {{ \$container.name | Quote }}
        image: {{ \$container.image | Quote }}
        ready: $1
        started: $1
        restartCount: $2
$3
      {{ end }}
EOF
}

running_lines='        containerID: {{ printf "containerd://%s" (sha256sum (printf "%s/%s" $root.metadata.uid $container.name)) | Quote }}
        imageID: {{ or $told (printf "%s@%s" $name $digest) | Quote }}
        state:
          running:
            startedAt: {{ $now | Quote }}'

# $1 = reason, $2 = message
waiting_lines() {
  printf '        imageID: ""\n        state:\n          waiting:\n            reason: %s\n            message: %s' "$1" "$2"
}

init_statuses() {
  cat <<'EOF'
      initContainerStatuses:
      {{ range .spec.initContainers }}
      {{ $parts := splitList "@" .image }}
      {{ $name := regexReplaceAll ":[^:/]+$" (index $parts 0) "" }}
      {{ $digest := printf "sha256:%s" (sha256sum .image) }}
      {{ if eq (len $parts) 2 }}{{ $digest = index $parts 1 }}{{ end }}
      - name: {{ .name | Quote }}
        image: {{ .image | Quote }}
        imageID: {{ printf "%s@%s" $name $digest | Quote }}
        ready: true
        restartCount: 0
        {{ if eq (or .restartPolicy "") "Always" }}
        started: true
        state: {running: {startedAt: {{ $now | Quote }}}}
        {{ else }}
        state: {terminated: {exitCode: 0, reason: Completed, startedAt: {{ $now | Quote }}, finishedAt: {{ $now | Quote }}}}
        {{ end }}
      {{ end }}
EOF
}

# $1 = Initialized, $2 = Ready and ContainersReady
conditions() {
  cat <<EOF
      conditions:
      - {type: PodReadyToStartContainers, status: "True", lastTransitionTime: {{ \$now | Quote }}}
      - {type: Initialized, status: "$1", lastTransitionTime: {{ \$now | Quote }}}
      - {type: Ready, status: "$2", lastTransitionTime: {{ \$now | Quote }}}
      - {type: ContainersReady, status: "$2", lastTransitionTime: {{ \$now | Quote }}}
EOF
}

addresses() {
  cat <<'EOF'
      {{ with NodeIPsWith .spec.nodeName }}
      hostIP: {{ index . 0 | Quote }}
      {{ end }}
      {{ if not .status.podIP }}
      {{ with PodIPsWith .spec.nodeName ( or .spec.hostNetwork false ) ( or .metadata.uid "" ) ( or .metadata.name "" ) ( or .metadata.namespace "" ) }}
      podIP: {{ index . 0 | Quote }}
      podIPs:
      {{ range . }}
      - ip: {{ . | Quote }}
      {{ end }}
      {{ end }}
      {{ end }}
      startTime: {{ or .status.startTime $now | Quote }}
EOF
}

# stage NAME 'SELECTOR LINES' 'DELAY LINES' < status template
stage() {
  cat <<EOF
---
apiVersion: kwok.x-k8s.io/v1alpha1
kind: Stage
metadata: {name: $1}
spec:
  resourceRef: {apiGroup: v1, kind: Pod}
  selector:
    matchExpressions:
    - {key: '.metadata.deletionTimestamp', operator: DoesNotExist}
$2
$3
  next:
    statusTemplate: |
      {{ \$now := Now }}
      {{ \$root := . }}
EOF
  cat
}

play_is() { printf "    - {key: '.metadata.labels[\"kwok-play\"]', operator: In, values: [%s]}" "$1"; }
pending="    - {key: '.status.phase', operator: In, values: [Pending]}"
running="    - {key: '.status.phase', operator: In, values: [Running]}"
unstarted="    - {key: '.status.containerStatuses', operator: DoesNotExist}"
waits_for() { printf "    - {key: '.status.containerStatuses.[0].state.waiting.reason', operator: In, values: [%s]}" "$1"; }
restarts_are() { printf "    - {key: '.status.containerStatuses.[0].restartCount | tostring', operator: In, values: [\"%s\"]}" "$1"; }
ready_is() { printf "    - {key: '.status.conditions.[] | select( .type == \"Ready\" ) | .status', operator: In, values: [\"%s\"]}" "$1"; }
after() { printf '  delay:\n    durationMilliseconds: %s' "$1"; }
after_annotation() {
  printf "  delay:\n    durationMilliseconds: %s\n    durationFrom:\n      expressionFrom: '.metadata.annotations[\"kwok-play-after\"]'" "$1"
}

pull_fails() { # PLAY, first message, back-off message
  stage "$1-first" "$(play_is "$1")
$pending
$unstarted" "" <<EOF
$(conditions True False)
$(container_statuses false 0 "$(waiting_lines ErrImagePull "$2")")
$(addresses)
      phase: Pending
EOF
  stage "$1-again" "$(play_is "$1")
$pending
$(waits_for ErrImagePull)" "$(after 1000)" <<EOF
$(container_statuses false 0 "$(waiting_lines ImagePullBackOff "$3")")
EOF
}

waits_at_start() { # PLAY, reason, message
  stage "$1" "$(play_is "$1")
$pending
$unstarted" "" <<EOF
$(conditions True False)
$(container_statuses false 0 "$(waiting_lines "$2" "$3")")
$(addresses)
      phase: Pending
EOF
}

runs() { # STAGE, selector, delay, ready
  stage "$1" "$2" "$3" <<EOF
$(conditions True "$( [ "$4" = true ] && echo True || echo False)")
$(init_statuses)
$(container_statuses "$4" 0 "$running_lines")
$(addresses)
      phase: Running
EOF
}

terminated='{exitCode: 1, reason: Error, startedAt: {{ $now | Quote }}, finishedAt: {{ $now | Quote }}, containerID: "containerd://0"}'

crashes() { # STAGE, selector, delay, restartCount
  stage "$1" "$2" "$3" <<EOF
$(conditions True False)
$(container_statuses false "$4" "        imageID: {{ or \$told (printf \"%s@%s\" \$name \$digest) | Quote }}
        state:
          waiting:
            reason: CrashLoopBackOff
            message: {{ printf \"back-off 10s restarting failed container=%s pod=%s_%s(%s)\" \$container.name \$root.metadata.name \$root.metadata.namespace \$root.metadata.uid | Quote }}
        lastState:
          terminated: $terminated")
$(addresses)
      phase: Running
EOF
}

print_stages() {
  runs pod-ready "    - {key: '.metadata.labels[\"kwok-play\"]', operator: DoesNotExist}
$pending
$unstarted" "" true
  pull_fails image-not-found \
    "{{ printf \"rpc error: code = NotFound desc = failed to pull and unpack image \\\"%s\\\": failed to resolve reference \\\"%s\\\": %s: not found\" \$container.image \$container.image \$container.image | Quote }}" \
    "{{ printf \"Back-off pulling image \\\"%s\\\"\" \$container.image | Quote }}"
  pull_fails pull-unauthorized \
    "{{ printf \"rpc error: code = Unknown desc = failed to pull and unpack image \\\"%s\\\": failed to resolve reference \\\"%s\\\": pulling from host failed with status code [manifests latest]: 401 Unauthorized\" \$container.image \$container.image | Quote }}" \
    "{{ printf \"Back-off pulling image \\\"%s\\\"\" \$container.image | Quote }}"
  waits_at_start invalid-image-name InvalidImageName \
    "{{ printf \"Failed to apply default image tag \\\"%s\\\": couldn't parse image name \\\"%s\\\": invalid reference format\" \$container.image \$container.image | Quote }}"
  waits_at_start missing-config-key CreateContainerConfigError \
    "{{ printf \"couldn't find key url in Secret %s/shop-db\" \$root.metadata.namespace | Quote }}"
  runs never-ready "$(play_is never-ready)
$pending
$unstarted" "" false
  runs slow-start "$(play_is slow-ready)
$pending
$unstarted" "" false
  runs slow-ready "$(play_is slow-ready)
$running
$(ready_is False)" "$(after_annotation 3000)" true
  runs lost-start "$(play_is readiness-lost)
$pending
$unstarted" "" true
  runs readiness-lost "$(play_is readiness-lost)
$running
$(ready_is True)" "$(after_annotation 5000)" false
  runs later-start "$(play_is crash-later)
$pending
$unstarted" "" true
  crashes crash-later "$(play_is crash-later)
$running
$(restarts_are 0)" "$(after_annotation 5000)" 1
  runs crash-start "$(play_is crash-loop)
$pending
$unstarted" "" false
  crashes crash-first "$(play_is crash-loop)
$running
$(restarts_are 0)" "$(after 300)" 1
  crashes crash-second "$(play_is crash-loop)
$running
$(restarts_are 1)" "$(after 700)" 2
  stage init-fails "$(play_is init-fails)
$pending
$unstarted" "" <<EOF
$(conditions False False)
      initContainerStatuses:
      {{ range .spec.initContainers }}
      - name: {{ .name | Quote }}
        image: {{ .image | Quote }}
        imageID: {{ printf "%s@sha256:%s" .image (sha256sum .image) | Quote }}
        ready: false
        restartCount: 2
        state: {waiting: {reason: CrashLoopBackOff, message: "back-off 20s restarting failed container"}}
        lastState: {terminated: $terminated}
      {{ end }}
$(container_statuses false 0 "$(waiting_lines PodInitializing '""')")
$(addresses)
      phase: Pending
EOF
  stage job-fails "$(play_is job-fails)
$pending
$unstarted" "" <<EOF
$(conditions True False)
$(container_statuses false 0 "        imageID: {{ or \$told (printf \"%s@%s\" \$name \$digest) | Quote }}
        state:
          terminated: $terminated")
$(addresses)
      phase: Failed
EOF
  stage pod-complete "    - {key: '.metadata.labels[\"kwok-play\"]', operator: DoesNotExist}
$running
    - {key: '.metadata.ownerReferences.[].kind', operator: In, values: [Job]}" "" <<EOF
$(conditions True False)
$(container_statuses false 0 "        imageID: {{ or \$told (printf \"%s@%s\" \$name \$digest) | Quote }}
        state:
          terminated: {exitCode: 0, reason: Completed, startedAt: {{ \$now | Quote }}, finishedAt: {{ \$now | Quote }}, containerID: \"containerd://0\"}")
      phase: Succeeded
EOF
  cat <<'EOF'
---
apiVersion: kwok.x-k8s.io/v1alpha1
kind: Stage
metadata: {name: pod-delete}
spec:
  resourceRef: {apiGroup: v1, kind: Pod}
  selector:
    matchExpressions:
    - {key: '.metadata.deletionTimestamp', operator: Exists}
  next: {delete: true}
EOF
}
