# Builds the tools of go.mod once, into the cache.

KUBERNETES=v1.37.2

# name, package
TOOLS="
kube-apiserver k8s.io/kubernetes/cmd/kube-apiserver
kube-controller-manager k8s.io/kubernetes/cmd/kube-controller-manager
kube-scheduler k8s.io/kubernetes/cmd/kube-scheduler
kubectl k8s.io/kubernetes/cmd/kubectl
kubelet k8s.io/kubernetes/cmd/kubelet
etcd go.etcd.io/etcd/server/v3
kwok sigs.k8s.io/kwok/cmd/kwok
kwokctl sigs.k8s.io/kwok/cmd/kwokctl
crane github.com/google/go-containerregistry/cmd/crane
"

build_tools() {
  local out; out=$(tools_dir)
  [ -f "$out/complete" ] && return 0
  need go "install Go 1.26 or newer"
  mkdir -p "$cache/tools"
  exec 8>"$cache/tools/.lock"
  flock -n 8 || { say "another build of the tools is running; waiting for it"; flock 8; }
  [ -f "$out/complete" ] && { exec 8>&-; return 0; }

  local part="$out.part" name package n=0 total version
  total=$(grep -c . <<<"$TOOLS")
  rm -rf "$part"; mkdir -p "$part"
  say "building $total tools into $out (about 10 minutes on 2 cores; once)"
  version="-X k8s.io/component-base/version.gitVersion=$KUBERNETES"
  version+=" -X k8s.io/component-base/version.gitMajor=1 -X k8s.io/component-base/version.gitMinor=37"
  version+=" -X k8s.io/client-go/pkg/version.gitVersion=$KUBERNETES"
  while read -r name package; do
    [ -n "$name" ] || continue
    n=$((n + 1)); say "building $name ($n of $total)"
    (cd "$here" && CGO_ENABLED=0 GOFLAGS= go build -buildvcs=false -trimpath -ldflags "-s -w $version" -o "$part/$name" "$package") ||
      fail "cannot build $name"
  done <<<"$TOOLS"
  touch "$part/complete"
  rm -rf "$out"; mv "$part" "$out"
  exec 8>&-
}
