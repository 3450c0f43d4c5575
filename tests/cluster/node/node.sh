#!/usr/bin/env bash
# A real kubelet, with containerd and runc of its own, joined to a cluster of cluster.sh. Linux, root, Debian's packages.
# Its processes, images and pods live in the cluster's folder and go with `down`.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/../lib/common.sh"
source "$here/lib/build.sh"
source "$here/lib/kubernetes.sh"
source "$here/lib/components.sh"
source "$here/lib/control_plane.sh"
source "$here/lib/images.sh"

node=real-node
name=${2:-dev}
state=$(cluster_dir "$name")/node
socket=$state/containerd.sock
# A kubelet takes no loopback address for its own: one on a link that leads nowhere.
link=delivery-node
address=10.88.8.1

# Where no node can be joined: describes the cluster of KUBECONFIG in the form that the tests read, and prints the file's name.
elsewhere() {
  [ -n "${KUBECONFIG:-}" ] ||
    fail "no real node can be joined here; set KUBECONFIG to a cluster with real nodes, then run this again (tests/cluster/README.md)"
  local kubectl folder=$clusters/elsewhere
  need kubectl "install kubectl"
  kubectl=$(command -v kubectl)
  [ -n "$("$kubectl" get nodes -l kubectl-delivery.io/node=real -o name)" ] ||
    fail "no node of KUBECONFIG=$KUBECONFIG has the label kubectl-delivery.io/node=real: kubectl label node NAME kubectl-delivery.io/node=real"
  mkdir -p "$folder"
  "$kubectl" config view --raw --flatten --minify >"$folder/kubeconfig"
  chmod 600 "$folder/kubeconfig"
  cat >"$folder/env.json" <<EOF
{
  "name": "elsewhere",
  "kubeconfig": "$folder/kubeconfig",
  "server": "$("$kubectl" config view --minify -o 'jsonpath={.clusters[0].cluster.server}')",
  "registry": "${KUBECTL_DELIVERY_TEST_REGISTRY:-127.0.0.1:5000}",
  "tools": "$(dirname "$kubectl")",
  "workdir": "$folder"
}
EOF
  say "using the cluster of KUBECONFIG=$KUBECONFIG"
  echo "$folder/env.json"
}

requirements() {
  [ "$(uname -s)" = Linux ] || { say "a real node needs Linux"; return 1; }
  [ "$(id -u)" = 0 ] || { say "a real node needs root"; return 1; }
  "$here/../needs.sh" node
}

write_containerd() { # registry
  cat >"$state/containerd.toml" <<EOF
version = 2
root = "$state/root"
state = "$state/run"
[grpc]
  address = "$socket"
[plugins."io.containerd.grpc.v1.cri"]
  # Without CAP_SYS_RESOURCE runc cannot lower an OOM score.
  restrict_oom_score_adj = true
  sandbox_image = "$1/test/pause:1.0.0"
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "$state/cni/bin"
    conf_dir = "$state/cni/net.d"
  [plugins."io.containerd.grpc.v1.cri".registry]
    config_path = "$state/certs.d"
EOF
  mkdir -p "$state/certs.d/$1" "$state/cni/bin" "$state/cni/net.d"
  printf 'server = "http://%s"\n[host."http://%s"]\n  capabilities = ["pull", "resolve"]\n' "$1" "$1" >"$state/certs.d/$1/hosts.toml"
  cp -n /usr/lib/cni/* /opt/cni/bin/* "$state/cni/bin/" 2>/dev/null || true
  cat >"$state/cni/net.d/10-bridge.conflist" <<'EOF'
{"cniVersion": "0.4.0", "name": "delivery", "plugins": [
  {"type": "bridge", "bridge": "delivery0", "isGateway": true, "ipMasq": false,
   "ipam": {"type": "host-local", "ranges": [[{"subnet": "10.88.7.0/24"}]], "routes": [{"dst": "0.0.0.0/0"}]}},
  {"type": "loopback"}]}
EOF
}

write_kubelet() {
  cat >"$state/kubelet.yaml" <<EOF
apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
authentication: {anonymous: {enabled: true}, webhook: {enabled: false}}
authorization: {mode: AlwaysAllow}
address: $address
port: $1
readOnlyPort: 0
healthzPort: 0
failCgroupV1: false
failSwapOn: false
cgroupDriver: cgroupfs
cgroupsPerQOS: false
enforceNodeAllocatable: []
evictionHard: {}
containerRuntimeEndpoint: unix://$socket
# Nobody answers there; without an address every pod gets a warning event.
clusterDNS: [10.0.0.10]
podLogsDir: $state/pod-logs
syncFrequency: 10s
nodeStatusUpdateFrequency: 10s
registerWithTaints: [{key: kubectl-delivery.io/node, value: real, effect: NoSchedule}]
EOF
}

is_ready() {
  [ "$(kubectl_ "$name" get node $node -o 'jsonpath={.status.conditions[?(@.type=="Ready")].status}' 2>/dev/null)" = True ]
}

up() {
  requirements || exit 3
  build_tools
  is_healthy "$name" || "$here/cluster.sh" up "$name" || exit 1
  if is_running "$state/kubelet.pid" "$state/kubelet.yaml" && is_running "$state/containerd.pid" "$state/containerd.toml" && is_ready; then
    say "$node is up"; return 0
  fi
  down >/dev/null 2>&1 || true
  mkdir -p "$state/kubelet" "$state/pod-logs"
  local bin registry started=$SECONDS
  bin=$(tools_dir)
  registry=$(registry_of "$name")
  say "pushing the images of the demo and the tests to $registry"
  push_images "$registry"
  write_containerd "$registry"
  write_kubelet "$(free_port)"
  ip link add $link type bridge 2>/dev/null || true
  ip address replace $address/32 dev $link
  ip link set $link up
  setsid containerd --config "$state/containerd.toml" >"$state/containerd.log" 2>&1 </dev/null 8>&- 9>&- &
  echo $! >"$state/containerd.pid"
  wait_for 20 test -S "$socket" || fail "containerd does not start: $state/containerd.log"
  setsid "$bin/kubelet" --config "$state/kubelet.yaml" --kubeconfig "$(cluster_dir "$name")/kubeconfig" --root-dir "$state/kubelet" \
    --hostname-override $node --node-ip $address --node-labels kubectl-delivery.io/node=real --v 2 \
    >"$state/kubelet.log" 2>&1 </dev/null 8>&- 9>&- &
  echo $! >"$state/kubelet.pid"
  wait_for 60 is_ready || { tail -5 "$state/kubelet.log" >&2; fail "the kubelet does not become ready: $state/kubelet.log"; }
  say "$node is up after $((SECONDS - started)) s"
}

# Ends the pods' shims (they outlive containerd) by the paths that only they carry.
end_shims() {
  local process
  for process in /proc/[0-9]*; do
    if [[ "$(command_line "${process#/proc/}")" == *containerd-shim*"$socket"* ]]; then
      kill "${process#/proc/}" 2>/dev/null || true
    fi
  done
}

down() {
  [ -d "$state" ] || { say "there is no real node"; return 0; }
  set +e # whatever fails here, the rest must go too
  if is_healthy "$name"; then
    kubectl_ "$name" delete pods -A --field-selector spec.nodeName=$node --grace-period 1 --timeout 30s >/dev/null 2>&1 || true
    kubectl_ "$name" delete node $node --timeout 20s >/dev/null 2>&1 || true
  fi
  end_process "$state/kubelet.pid" "$state/kubelet.yaml"
  if [ -S "$socket" ] && command -v ctr >/dev/null; then
    ctr -a "$socket" -n k8s.io tasks ls -q 2>/dev/null | while read -r task; do
      ctr -a "$socket" -n k8s.io tasks delete -f "$task" >/dev/null 2>&1 || true
    done
  fi
  end_process "$state/containerd.pid" "$state/containerd.toml"
  end_shims
  sleep 0.3
  awk -v state="$state" 'index($2, state) == 1 {print $2}' /proc/mounts | sort -r | while read -r mounted; do
    umount -l "$mounted" 2>/dev/null || true
  done
  awk '/\/run\/netns\/cni-/ {print $2}' /proc/mounts | while read -r netns; do umount -l "$netns" 2>/dev/null || true; rm -f "$netns"; done
  ip link delete delivery0 2>/dev/null || true
  ip link delete $link 2>/dev/null || true
  rm -rf "$state"
  say "$node is down"
}

case "${1:-}" in
  up) up ;;
  down) down ;;
  images) push_images "$(registry_of "$name")" ;;
  images-to) build_tools; push_images "${2:?HOST:PORT}" ;;
  elsewhere) elsewhere ;;
  *) echo "usage: node.sh up|down|images|elsewhere [CLUSTER], node.sh images-to HOST:PORT" >&2; exit 1 ;;
esac
