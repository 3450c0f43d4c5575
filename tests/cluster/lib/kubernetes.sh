# Which Kubernetes a cluster is of: the newest, or the older minor that K8S names (1.33), whose programs are built from a
# module of its own, kubernetes/1.33/go.mod. etcd, kwok and crane are the newest's.

minors() { (cd "$here/kubernetes" && printf '%s\n' 1.* "$(cut -d. -f1,2 <<<"${KUBERNETES#v}")") | sort -V; }

older_minor() { # nothing where K8S names none, or the newest
  [ -n "${K8S:-}" ] && [ "$K8S" != "$(minors | tail -n 1)" ] || return 0
  [ -f "$here/kubernetes/$K8S/go.mod" ] || fail "there is no Kubernetes '$K8S' here, but $(minors | paste -sd ' '); kubernetes/module.sh makes others"
  echo "$K8S"
}

older=$(older_minor)

kubernetes_version() {
  [ -n "$older" ] || { echo "${KUBERNETES#v}"; return; }
  sed -n 's|^\tk8s.io/kubernetes v\(\S*\).*|\1|p' "$here/kubernetes/$older/go.mod"
}

# What the API server of an older minor is told beside: mutating policies are served by default from 1.36 on.
older_arguments() {
  local version
  case $older in
    1.32 | 1.33) version=v1alpha1 ;;
    1.34 | 1.35) version=v1beta1 ;;
    *) return 0 ;;
  esac
  printf '\n  - {key: feature-gates, value: MutatingAdmissionPolicy=true}'
  printf '\n  - {key: runtime-config, value: admissionregistration.k8s.io/%s=true}' "$version"
}

# The folder of all that a cluster of this Kubernetes is made of.
programs_dir() {
  [ -n "$older" ] || { tools_dir; return; }
  local key
  key=$(cat "$here/kubernetes/$older/go.mod" "$here/kubernetes/$older/go.sum" "$here/lib/kubernetes.sh" | sha256sum | cut -c1-16)
  printf '%s/tools/kubernetes-%s-%s' "$cache" "$(kubernetes_version)" "$key"
}

build_programs() {
  build_tools
  [ -n "$older" ] || return 0
  local out shared
  out=$(programs_dir)
  [ -f "$out/complete" ] || build_older "$out"
  # The newest's folder is another one after each change of it. kubectl is the newest's as well: 1.30's `wait` fails on a
  # definition that has no conditions yet.
  for shared in etcd kwok kwokctl crane kubectl; do ln -sfn "$(tools_dir)/$shared" "$out/$shared"; done
}

build_older() { # folder
  local part="$1.part" version numbers flags
  exec 8>"$cache/tools/.kubernetes-$older.lock"
  flock -n 8 || { say "another build of Kubernetes $older is running; waiting for it"; flock 8; }
  [ -f "$1/complete" ] && { exec 8>&-; return 0; }
  version=$(kubernetes_version)
  IFS=. read -ra numbers <<<"$version"
  say "building Kubernetes $version into $1 (some minutes on 2 cores; once)"
  flags="-s -w -X k8s.io/component-base/version.gitVersion=v$version -X k8s.io/client-go/pkg/version.gitVersion=v$version"
  flags+=" -X k8s.io/component-base/version.gitMajor=${numbers[0]} -X k8s.io/component-base/version.gitMinor=${numbers[1]}"
  rm -rf "$part"; mkdir -p "$part"
  (cd "$here/kubernetes/$older" && CGO_ENABLED=0 GOFLAGS= go build -buildvcs=false -trimpath -ldflags "$flags" -o "$part/" tool) ||
    fail "cannot build Kubernetes $version"
  touch "$part/complete"
  rm -rf "$1"; mv "$part" "$1"
  exec 8>&-
}
