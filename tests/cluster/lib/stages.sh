# Prints kwok's stages: what the simulated nodes do with a pod, by its label `kwok-play`.
# The statuses are those that a real kubelet writes. README.md lists the plays.

# containerStatuses; $1 = ready, $2 = restartCount, $3 = the `state` (and `lastState`) lines, indented by 8, $4 = started.
container_statuses() {
  cat <<EOF
      containerStatuses:
      {{ range \$container := .spec.containers }}
      {{ \$parts := splitList "@" \$container.image }}
      {{ \$name := regexReplaceAll ":[^:/]+\$" (index \$parts 0) "" }}
      {{ \$digest := printf "sha256:%s" (sha256sum \$container.image) }}
      {{ if eq (len \$parts) 2 }}{{ \$digest = index \$parts 1 }}{{ end }}
      {{ \$host := index (splitList "/" \$container.image) 0 }}
      {{ \$tag := last (splitList ":" \$container.image) }}
      {{ \$told := index (or \$root.metadata.annotations dict) (printf "kwok-image-id/%s" \$container.name) }}
      - name: {{ \$container.name | Quote }}
        image: {{ \$container.image | Quote }}
        ready: $1
        started: ${4:-$1}
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

# The lines of a condition that does not hold; $1 = type, $2 = reason, $3 = message.
unmet() {
  printf '{type: %s, status: "False", reason: %s, message: %s, lastTransitionTime: {{ $now | Quote }}}' "$1" "$2" "$3"
}

met() { printf '{type: %s, status: "True", lastTransitionTime: {{ $now | Quote }}}' "$1"; }

# $1 = Initialized, $2 = Ready and ContainersReady, $3 = the reason where they are False
conditions() {
  local names='{{ $names := list }}{{ range .spec.containers }}{{ $names = append $names .name }}{{ end }}'
  names+='{{ $inits := list }}{{ range .spec.initContainers }}{{ $inits = append $inits .name }}{{ end }}'
  local unready='{{ printf "containers with unready status: [%s]" (join " " $names) | Quote }}'
  local uninitialized='{{ printf "containers with incomplete status: [%s]" (join " " $inits) | Quote }}'
  local reason=${3:-ContainersNotReady} initialized ready containers
  [ "$reason" = ContainersNotReady ] || unready='""'
  initialized=$(met Initialized)
  [ "$1" = True ] || initialized=$(unmet Initialized ContainersNotInitialized "$uninitialized")
  ready=$(met Ready); containers=$(met ContainersReady)
  [ "$2" = True ] || { ready=$(unmet Ready "$reason" "$unready"); containers=$(unmet ContainersReady "$reason" "$unready"); }
  cat <<EOF
      $names
      conditions:
      - $(met PodReadyToStartContainers)
      - $initialized
      - $ready
      - $containers
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

# $1 = play, $2 = a printf of the registry's answer
pull_fails() {
  local answer="(printf $2)"
  stage "$1-first" "$(play_is "$1")
$pending
$unstarted" "" <<EOF
$(conditions True False)
$(container_statuses false 0 "$(waiting_lines ErrImagePull "{{ $answer | Quote }}")")
$(addresses)
      phase: Pending
EOF
  stage "$1-again" "$(play_is "$1")
$pending
$(waits_for ErrImagePull)" "$(after 1000)" <<EOF
$(container_statuses false 0 "$(waiting_lines ImagePullBackOff \
    "{{ printf \"Back-off pulling image \\\"%s\\\": ErrImagePull: %s\" \$container.image $answer | Quote }}")")
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
$(container_statuses "$4" 0 "$running_lines" true)
$(addresses)
      phase: Running
EOF
}

terminated() { # exit code, reason
  printf '{exitCode: %s, reason: %s, startedAt: {{ $now | Quote }}, finishedAt: {{ $now | Quote }}, containerID: "containerd://0"}' "$1" "$2"
}

identified='        imageID: {{ or $told (printf "%s@%s" $name $digest) | Quote }}'

back_off() { # seconds, the template's name of the container
  printf '{{ printf "back-off %ss restarting failed container=%%s pod=%%s_%%s(%%s)" %s $root.metadata.name $root.metadata.namespace $root.metadata.uid | Quote }}' "$1" "$2"
}

crashes() { # STAGE, selector, delay, restartCount, exit code, reason
  stage "$1" "$2" "$3" <<EOF
$(conditions True False)
$(init_statuses)
$(container_statuses false "$4" "$identified
        state:
          waiting:
            reason: CrashLoopBackOff
            message: $(back_off $((10 * $4)) '$container.name')
        lastState:
          terminated: $(terminated "$5" "$6")")
$(addresses)
      phase: Running
EOF
}

ends() { # STAGE, selector, delay, phase, exit code, reason, the conditions' reason
  stage "$1" "$2" "$3" <<EOF
$(conditions True False "$7")
$(init_statuses)
$(container_statuses false 0 "$identified
        state:
          terminated: $(terminated "$5" "$6")")
$(addresses)
      phase: $4
EOF
}

# The first init container fails; the others wait for it, as does the pod.
init_fails() { # STAGE, selector
  stage "$1" "$2" "" <<EOF
$(conditions False False)
      initContainerStatuses:
      {{ range \$index, \$init := .spec.initContainers }}
      - name: {{ \$init.name | Quote }}
        image: {{ \$init.image | Quote }}
        ready: false
        started: false
        {{ if eq \$index 0 }}
        imageID: {{ printf "%s@sha256:%s" (regexReplaceAll ":[^:/]+\$" (index (splitList "@" \$init.image) 0) "") (sha256sum \$init.image) | Quote }}
        restartCount: 2
        state: {waiting: {reason: CrashLoopBackOff, message: $(back_off 20 '$init.name')}}
        lastState: {terminated: $(terminated 1 Error)}
        {{ else }}
        imageID: ""
        restartCount: 0
        state: {waiting: {reason: PodInitializing}}
        {{ end }}
      {{ end }}
$(container_statuses false 0 "$(waiting_lines PodInitializing '""')")
$(addresses)
      phase: Pending
EOF
}

goes() { # STAGE, selector line, delay: a pod that is deleted
  cat <<EOF
---
apiVersion: kwok.x-k8s.io/v1alpha1
kind: Stage
metadata: {name: $1}
spec:
  resourceRef: {apiGroup: v1, kind: Pod}
  selector:
    matchExpressions:
    # What is deleted with no grace is gone already: kwok deletes by name, and would hit the StatefulSet's next pod.
    - {key: '.metadata | select(.deletionGracePeriodSeconds != 0) | .deletionTimestamp', operator: Exists}
$2
$3
  next: {delete: true}
EOF
}
