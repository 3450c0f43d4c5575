# One control plane: kwokctl's binary runtime, and a loopback registry beside it.

cluster_dir() { printf '%s/%s' "$clusters" "$1"; }

kwokctl_() { # NAME, arguments…
  local name=$1; shift
  KWOK_WORKDIR="$(cluster_dir "$name")/kwok" "$(tools_dir)/kwokctl" --name "$name" "$@"
}

kubectl_() { # NAME, arguments…
  local name=$1; shift
  "$(tools_dir)/kubectl" --kubeconfig "$(cluster_dir "$name")/kubeconfig" "$@"
}

is_healthy() { # NAME
  [ -f "$(cluster_dir "$1")/env.json" ] && kubectl_ "$1" --request-timeout 3s get --raw /readyz >/dev/null 2>&1
}

print_configuration() {
  cat <<'EOF'
apiVersion: config.kwok.x-k8s.io/v1alpha1
kind: KwokctlConfiguration
componentsPatches:
# A node that a real kubelet joins must not be played by kwok.
- name: kwok-controller
  extraArgs:
  - {key: manage-all-nodes, value: "false", override: true}
  - {key: manage-nodes-with-annotation-selector, value: kwok.x-k8s.io/node=fake}
- name: kube-apiserver
  extraArgs:
  - {key: kubelet-preferred-address-types, value: InternalIP}
# What these clusters hold may be lost with the machine.
- name: etcd
  extraArgs:
  - {key: unsafe-no-fsync, value: "true"}
- name: kube-controller-manager
  extraArgs:
  - {key: concurrent-deployment-syncs, value: "20"}
  - {key: concurrent-replicaset-syncs, value: "20"}
  - {key: concurrent-statefulset-syncs, value: "20"}
  - {key: concurrent-namespace-syncs, value: "30"}
  - {key: kube-api-qps, value: "500"}
  - {key: kube-api-burst, value: "500"}
EOF
  local modules; modules=$(cd "$here" && GOFLAGS=-mod=mod go list -m -f '{{.Dir}}' sigs.k8s.io/kwok)
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
}

registry_port() { # NAME
  if [ "$1" != dev ]; then free_port; return; fi
  port_is_open 5000 && fail "127.0.0.1:5000 is taken, and the demo's images are named after it: free it, then run this again"
  echo 5000
}

write_env() { # NAME, registry port
  local dir; dir=$(cluster_dir "$1")
  cat >"$dir/env.json.part" <<EOF
{
  "name": "$1",
  "kubeconfig": "$dir/kubeconfig",
  "server": "$(kubectl_ "$1" config view --minify -o 'jsonpath={.clusters[0].cluster.server}')",
  "registry": "127.0.0.1:$2",
  "tools": "$(tools_dir)",
  "workdir": "$dir",
  "script": "$here/cluster.sh"
}
EOF
  mv "$dir/env.json.part" "$dir/env.json"
}

up() { # NAME
  local name=$1 dir port started=$SECONDS
  dir=$(cluster_dir "$name")
  mkdir -p "$dir"
  exec 9>"$dir/.lock"; flock 9
  if is_healthy "$name"; then say "$name is up ($dir/env.json)"; return 0; fi
  [ -e "$dir/kwok" ] && { say "$name is half-dead: starting it anew"; tear_down "$name"; mkdir -p "$dir"; }

  local bin; bin=$(tools_dir)
  port=$(registry_port "$name") || exit 1
  print_configuration >"$dir/kwok.yaml"
  kwokctl_ "$name" create cluster --runtime binary --config "$dir/kwok.yaml" --kube-authorization \
    --etcd-binary "$bin/etcd" --kube-apiserver-binary "$bin/kube-apiserver" \
    --kube-controller-manager-binary "$bin/kube-controller-manager" --kube-scheduler-binary "$bin/kube-scheduler" \
    --kwok-controller-binary "$bin/kwok" --kubeconfig "$dir/kubeconfig" --wait 120s \
    >"$dir/create.log" 2>&1 8>&- 9>&- || { cat "$dir/create.log" >&2; fail "kwokctl cannot create the cluster"; }
  kwokctl_ "$name" scale node --replicas 2 >>"$dir/create.log" 2>&1 || fail "kwokctl cannot make nodes: $dir/create.log"
  start_registry "$name" "$port"
  wait_for 60 kubectl_ "$name" get serviceaccount default -n default || fail "the controller manager does not start"
  write_env "$name" "$port"
  say "$name is up after $((SECONDS - started)) s: export KUBECONFIG=$dir/kubeconfig"
}

tear_down() { # NAME
  local dir; dir=$(cluster_dir "$1")
  kwokctl_ "$1" delete cluster --kubeconfig "$dir/kubeconfig" >/dev/null 2>&1 || true
  end_process "$dir/registry.pid" crane
  rm -rf "$dir/kwok" "$dir/env.json" "$dir/kubeconfig" "$dir/registry"
}

down() { # NAME
  local dir; dir=$(cluster_dir "$1")
  [ -d "$dir" ] || { say "$1 is not up"; return 0; }
  tear_down "$1"
  rm -rf "$dir"
  say "$1 is down"
}

# stop-component and start-component: for tests that kill the API server or etcd. SIGKILL, by pid.
component_pid() { # NAME, component
  cat "$(cluster_dir "$1")/kwok/clusters/$1/pids/$2.pid" 2>/dev/null || cat "$(cluster_dir "$1")/kwok/$1/pids/$2.pid"
}

kill_component() { # NAME, component
  local pid; pid=$(component_pid "$1" "$2") || fail "$2 of $1 has no pid file"
  kill -9 "$pid"
}

start_component() { # NAME, component
  kwokctl_ "$1" start cluster >/dev/null 2>&1 || fail "kwokctl cannot start $1"
}
