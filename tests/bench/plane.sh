# What the benches begin with, sourced after `name` and `binary` are set: a control plane of their own, and releases on it.
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
cluster=$here/../cluster/cluster.sh
work=$(mktemp -d)
pid=

"$cluster" up "$name"
trap '[ -z "$pid" ] || kill "$pid" 2>/dev/null || true; "$cluster" down "$name"; rm -rf "$work"' EXIT
env_of() { "$cluster" env "$name" | sed -n "s/^ *\"$1\": \"\\(.*\\)\",*\$/\\1/p"; }
KUBECONFIG=$(env_of kubeconfig)
PATH=$(env_of tools):$PATH
export KUBECONFIG PATH

# promote_many RELEASES OBJECTS NAMESPACES: releases service-N of so many objects each, spread over namespaces team-N.
promote_many() {
  local releases=$1 objects=$2 namespaces=$3 n
  "$here/objects.sh" "$objects" one >"$work/objects.yaml"
  for ((n = 0; n < namespaces; n++)); do kubectl create namespace "team-$n" >/dev/null; done
  echo "promoting $releases releases of $objects objects into $namespaces namespaces"
  for ((n = 0; n < releases; n++)); do
    sed -E "s/(config|service|account|app)-([0-9]+)/\\1-$n-\\2/g" "$work/objects.yaml" >"$work/$n.yaml"
    "$binary" record -f "$work/$n.yaml" --name "service-$n" --version 1 --offline -q -o "$work/$n.release.json"
    "$binary" promote "$work/$n.release.json" -n "team-$((n % namespaces))" -y >/dev/null 2>&1
  done
}
