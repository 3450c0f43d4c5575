# One control plane: kwokctl's binary runtime, and a loopback registry beside it.

default_name() { if [ -n "$older" ]; then echo "k8s-${older//./-}"; else echo dev; fi; }

cluster_dir() { printf '%s/%s' "$clusters" "$1"; }

kwokctl_() { # NAME, arguments…
  local name=$1; shift
  KWOK_WORKDIR="$(cluster_dir "$name")/kwok" "$(tools_dir)/kwokctl" --name "$name" "$@"
}

kubectl_() { # NAME, arguments…
  local name=$1; shift
  "$(programs_dir)/kubectl" --kubeconfig "$(cluster_dir "$name")/kubeconfig" "$@"
}

answers() { # NAME: the API server
  kubectl_ "$1" --request-timeout 3s get --raw /readyz
}

is_healthy() { # NAME
  local component dir; dir=$(cluster_dir "$1")
  [ -f "$dir/env.json" ] && port_is_open "$(registry_of "$1" | cut -d: -f2)" || return 1
  for component in $COMPONENTS; do component_runs "$1" "$component" || return 1; done
  answers "$1" >/dev/null 2>&1
}

# Its ports are handed out here: kwokctl looks for free ones and takes them a second later, which two at once would not survive.
# The registry's has four digits, as port 5000 of dev: tables are as wide with each.
reserve_ports() { # NAME
  local base port other
  exec 7>"$clusters/.ports"; flock 7
  while :; do
    base=$((20000 + 10 * (RANDOM % 1000)))
    for other in "$clusters"/*/ports; do [ ! -f "$other" ] || [ "$(cat "$other")" != $base ] || continue 2; done
    for port in {0..5}; do ! port_is_open $((base + port)) || continue 2; done
    ! port_is_open "$(own_registry_port $base)" || continue
    break
  done
  echo $base >"$(cluster_dir "$1")/ports"
  exec 7>&-
  echo $base
}

print_configuration() { # first port
  [ -z "$older" ] || echo "# Kubernetes $(kubernetes_version)"
  cat <<EOF
apiVersion: config.kwok.x-k8s.io/v1alpha1
kind: KwokctlConfiguration
options:
  bindAddress: 127.0.0.1
  kubeApiserverPort: $1
  etcdPort: $(($1 + 1))
  etcdPeerPort: $(($1 + 2))
  kubeControllerManagerPort: $(($1 + 3))
  kubeSchedulerPort: $(($1 + 4))
  kwokControllerPort: $(($1 + 5))
componentsPatches:
# A node that a real kubelet joins must not be played by kwok.
- name: kwok-controller
  extraArgs:
  - {key: manage-all-nodes, value: "false", override: true}
  - {key: manage-nodes-with-annotation-selector, value: kwok.x-k8s.io/node=fake}
- name: kube-apiserver
  extraArgs:
  - {key: kubelet-preferred-address-types, value: InternalIP}
  # The default has 254 addresses: tests side by side would take them all. Nothing serves a Service here; in the loopback's
  # range a call of a webhook is refused at once.
  - {key: service-cluster-ip-range, value: ${KUBECTL_DELIVERY_SERVICES:-10.96.0.0/16}}$(older_arguments)
# What these clusters hold may be lost with the machine.
- name: etcd
  extraArgs:
  - {key: unsafe-no-fsync, value: "true"}
# One of each is all there is: on a busy machine they would lose their leases, and end.
- name: kube-scheduler
  extraArgs:
  - {key: leader-elect, value: "false"}
- name: kube-controller-manager
  extraArgs:
  - {key: leader-elect, value: "false"}
  - {key: concurrent-deployment-syncs, value: "20"}
  - {key: concurrent-replicaset-syncs, value: "20"}
  - {key: concurrent-statefulset-syncs, value: "20"}
  - {key: concurrent-namespace-syncs, value: "30"}
  - {key: kube-api-qps, value: "5000"}
  - {key: kube-api-burst, value: "5000"}
EOF
  local modules
  modules=$(cd "$here" && go mod download -json sigs.k8s.io/kwok | sed -n 's/^\t"Dir": "\(.*\)",*$/\1/p')
  [ -d "$modules" ] || fail "kwok's module cannot be downloaded: go mod download sigs.k8s.io/kwok (in $here)"
  for stage in node/fast/node-initialize node/heartbeat-with-lease/node-heartbeat-with-lease; do
    echo ---
    cat "$modules/kustomize/stage/$stage.yaml"
  done
  print_stages
}

start_registry() { # NAME, port
  local dir; dir=$(cluster_dir "$1")
  mkdir -p "$dir/registry"
  setsid "$(tools_dir)/crane" registry serve --address "127.0.0.1:$2" --disk "$dir/registry" \
    >"$dir/registry.log" 2>&1 </dev/null 8>&- 9>&- &
  echo $! >"$dir/registry.pid"
  wait_for 10 port_is_open "$2" || fail "the registry does not answer on 127.0.0.1:$2; see $dir/registry.log"
  # It keeps manifests in memory only: after each start they are pushed again.
  push_images "127.0.0.1:$2"
}

own_registry_port() { echo $((5001 + ($1 - 20000) / 10)); } # first port

registry_port() { # NAME, first port
  if [ "$1" != dev ]; then own_registry_port "$2"; return; fi
  port_is_open 5000 && fail "127.0.0.1:5000 is taken, and the demo's images are named after it: free it, then run this again"
  echo 5000
}

registry_of() { # NAME
  sed -n 's/^ *"registry": "\(.*\)",*$/\1/p' "$(cluster_dir "$1")/env.json"
}

write_env() { # NAME, registry port
  local dir; dir=$(cluster_dir "$1")
  cat >"$dir/env.json.part" <<EOF
{
  "name": "$1",
  "kubernetes": "$(kubernetes_version | cut -d. -f1,2)",
  "kubeconfig": "$dir/kubeconfig",
  "server": "$(kubectl_ "$1" config view --minify -o 'jsonpath={.clusters[0].cluster.server}')",
  "registry": "127.0.0.1:$2",
  "tools": "$(programs_dir)",
  "workdir": "$dir",
  "script": "$here/cluster.sh"
}
EOF
  mv "$dir/env.json.part" "$dir/env.json"
}

is_of_another_configuration() { # NAME
  local dir; dir=$(cluster_dir "$1")
  [ -f "$dir/kwok.yaml" ] && [ -f "$dir/ports" ] && ! print_configuration "$(cat "$dir/ports")" | cmp -s - "$dir/kwok.yaml"
}

up() { # NAME
  local name=$1 dir
  [[ $name =~ ^[a-z0-9][a-z0-9-]{0,40}$ ]] || fail "a cluster's name is made of small letters, digits and dashes, not '$name'"
  [ -z "$older" ] || [ "$name" != dev ] || fail "dev is of the newest Kubernetes: leave its name out, or take another one"
  dir=$(cluster_dir "$name")
  mkdir -p "$dir"
  exec 9>"$dir/.lock"; flock 9
  if is_of_another_configuration "$name"; then say "$name was made by another configuration: making it anew"; down "$name"; mkdir -p "$dir"; fi
  if is_healthy "$name"; then say "$name is up ($dir/env.json)"; return 0; fi
  repair "$name" && return 0
  [ ! -e "$dir/kwok" ] || { say "$name is half-dead: starting it anew"; tear_down "$name"; mkdir -p "$dir"; }
  create "$name"
}

create() { # NAME
  local name=$1 dir bin base port started=$SECONDS
  dir=$(cluster_dir "$name")
  bin=$(programs_dir)
  base=$(reserve_ports "$name")
  port=$(registry_port "$name" "$base") || exit 1
  print_configuration "$base" >"$dir/kwok.yaml"
  kwokctl_ "$name" create cluster --runtime binary --config "$dir/kwok.yaml" --kube-authorization \
    --etcd-binary "$bin/etcd" --kube-apiserver-binary "$bin/kube-apiserver" \
    --kube-controller-manager-binary "$bin/kube-controller-manager" --kube-scheduler-binary "$bin/kube-scheduler" \
    --kwok-controller-binary "$bin/kwok" --kubeconfig "$dir/kubeconfig" --wait 120s \
    >"$dir/create.log" 2>&1 8>&- 9>&- || { cat "$dir/create.log" >&2; fail "kwokctl cannot create the cluster"; }
  start_registry "$name" "$port"
  kwokctl_ "$name" scale node --replicas 2 >>"$dir/create.log" 2>&1 || fail "kwokctl cannot make nodes: $dir/create.log"
  wait_for 60 kubectl_ "$name" get serviceaccount default -n default || fail "the controller manager does not start"
  # kwok gives a node room for 110 pods, which tests side by side would fill.
  kubectl_ "$name" wait --for=condition=Ready node --all --timeout=60s >>"$dir/create.log" 2>&1 || fail "the nodes are not ready: $dir/create.log"
  for node in node-000000 node-000001; do
    kubectl_ "$name" patch node "$node" --subresource=status --type=merge \
      -p '{"status":{"capacity":{"pods":"5000"},"allocatable":{"pods":"5000"}}}' >>"$dir/create.log" 2>&1 ||
      fail "the nodes cannot be made larger: $dir/create.log"
  done
  record_components "$name"
  write_env "$name" "$port"
  say "$name is up after $((SECONDS - started)) s: export KUBECONFIG=$dir/kubeconfig"
}

# Starts again what ended, with what the cluster holds; fails where that is not enough.
repair() { # NAME
  local component dir port started=()
  dir=$(cluster_dir "$1")
  [ -f "$dir/env.json" ] && [ -d "$dir/commands" ] || return 1
  port=$(registry_of "$1" | cut -d: -f2)
  port_is_open "$port" || { start_registry "$1" "$port"; started+=(registry); }
  for component in $COMPONENTS; do
    component_runs "$1" "$component" && continue
    start_component "$1" "$component"; started+=("$component")
    [ "$component" != kube-apiserver ] || wait_for 30 answers "$1" || return 1
  done
  wait_for 30 is_healthy "$1" || return 1
  say "$1 is up again: started ${started[*]}"
}

tear_down() { # NAME
  local dir; dir=$(cluster_dir "$1")
  end_components "$1"
  end_process "$dir/registry.pid" "$dir/registry"
  rm -rf "$dir/kwok" "$dir/env.json" "$dir/kubeconfig" "$dir/registry" "$dir/commands" "$dir/ports"
}

down() { # NAME
  local dir; dir=$(cluster_dir "$1")
  [ -d "$dir" ] || { say "$1 is not up"; return 0; }
  [ ! -d "$dir/node" ] || "$here/node/node.sh" down "$1"
  tear_down "$1"
  rm -rf "$dir"
  say "$1 is down"
}
