#!/usr/bin/env bash
# A real control plane on this machine, without a container engine: kube-apiserver, etcd, the controller manager and the
# scheduler, two simulated nodes (kwok), and a loopback registry. README.md tells more.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib/common.sh"
source "$here/lib/build.sh"
source "$here/lib/kubernetes.sh"
source "$here/lib/stages.sh"
source "$here/lib/plays.sh"
source "$here/lib/components.sh"
source "$here/lib/images.sh"
source "$here/lib/control_plane.sh"

usage() {
  cat >&2 <<'EOF'
usage: cluster.sh build                          build the tools, once
       cluster.sh up [NAME]                      start a cluster (dev where no name is given, k8s-1-33 for K8S=1.33)
       cluster.sh down [NAME]                    stop it and remove what it held
       cluster.sh status                         the clusters that there are
       cluster.sh minors                         what K8S may name, the newest last
       cluster.sh images [NAME]                  push the images of the demo and the tests to its registry again
       cluster.sh env [NAME]                     where its kubeconfig, registry and tools are, as JSON
       cluster.sh kill NAME COMPONENT            SIGKILL kube-apiserver, etcd, …
       cluster.sh start NAME COMPONENT           start it again
       cluster.sh freeze NAME COMPONENT          it answers nobody (SIGSTOP)
       cluster.sh thaw NAME COMPONENT            it goes on
EOF
  exit 1
}

name=${2:-$(default_name)}
case "${1:-}" in
  build) build_programs ;;
  up) build_programs; up "$name" ;;
  down) down "$name" ;;
  images) push_images "$(registry_of "$name")" ;;
  env) cat "$(cluster_dir "$name")/env.json" 2>/dev/null || fail "$name is not up: make cluster" ;;
  status)
    for dir in "$clusters"/*/; do
      [ -d "$dir" ] || { say "there is no cluster: make cluster"; break; }
      cluster=$(basename "$dir")
      if is_healthy "$cluster"; then echo "$cluster up $dir"; else echo "$cluster down $dir"; fi
    done ;;
  minors) minors ;;
  kill) signal_component "$name" "${3:-}" KILL ;;
  freeze) signal_component "$name" "${3:-}" STOP ;;
  thaw) signal_component "$name" "${3:-}" CONT ;;
  start) start_component "$name" "${3:-}" ;;
  *) usage ;;
esac
