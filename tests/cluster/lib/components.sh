# The processes of one control plane: which of them run, how each was started, and what tests do to them.
# Collecting garbage is a tenth of what they do; memory there is.
export GOGC=400
# Each request has a stack of its own, which would grow from the smallest.
export GODEBUG=adaptivestackstart=1
# They start in this order.
COMPONENTS="etcd kube-apiserver kube-controller-manager kube-scheduler kwok-controller"

component_dir() { printf '%s/kwok/clusters/%s' "$(cluster_dir "$1")" "$1"; }

component_pid_file() { # NAME, component
  case " $COMPONENTS " in *" $2 "*) ;; *) fail "there is no component $2; there are $COMPONENTS" ;; esac
  printf '%s/pids/%s.pid' "$(component_dir "$1")" "$2"
}

component_runs() { # NAME, component
  is_running "$(component_pid_file "$1" "$2")" "$(component_dir "$1")/bin/$2"
}

# Keeps each command line, so that a single process can be started again just as kwokctl started it.
record_components() { # NAME
  local component commands; commands=$(cluster_dir "$1")/commands
  mkdir -p "$commands"
  for component in $COMPONENTS; do
    cat "/proc/$(cat "$(component_pid_file "$1" "$component")")/cmdline" >"$commands/$component" ||
      fail "$component of $1 ended at once; see $(component_dir "$1")/logs/$component.log"
  done
}

start_component() { # NAME, component
  local dir command=() file
  file=$(component_pid_file "$1" "$2")
  dir=$(component_dir "$1")
  component_runs "$1" "$2" && return 0
  mapfile -d '' -t command <"$(cluster_dir "$1")/commands/$2"
  (cd "$dir" && exec setsid "${command[@]}" >>"$dir/logs/$2.log" 2>&1 </dev/null 8>&- 9>&-) &
  echo $! >"$file"
}

signal_component() { # NAME, component, signal
  local file; file=$(component_pid_file "$1" "$2")
  component_runs "$1" "$2" || fail "$2 of $1 does not run: tests/cluster/cluster.sh start $1 $2"
  kill "-$3" "$(cat "$file")"
  [ "$3" != KILL ] || wait_for 10 is_gone "$file" "$(component_dir "$1")/bin/$2" || fail "$2 of $1 does not end"
}

# What the cluster holds goes with it, so nobody needs to end in order: a kube-apiserver without etcd would take a minute.
end_components() { # NAME
  local component file
  for component in $COMPONENTS; do
    file=$(component_pid_file "$1" "$component")
    if component_runs "$1" "$component"; then kill -KILL "$(cat "$file")" 2>/dev/null || true; fi
    rm -f "$file"
  done
}
