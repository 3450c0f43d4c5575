#!/usr/bin/env bash
# Whole processes, timed side by side against one control plane of their own: medians in seconds. What `make bench` runs.
set -euo pipefail
name=bench
binary=$(realpath "${1:?usage: bench.sh PATH-OF-THE-BINARY [COUNT]}")
count=${2:-1000}
# shellcheck source=plane.sh
source "$(dirname "${BASH_SOURCE[0]}")/plane.sh"

# timed FILE EXPECTED-EXIT-CODE COMMAND…: adds the microseconds of a whole process to the file.
timed() {
  local file=$1 expected=$2 started=${EPOCHREALTIME/./} code=0; shift 2
  "$@" >"$work/out" 2>"$work/err" || code=$?
  local ended=${EPOCHREALTIME/./}
  [ "$code" = "$expected" ] ||
    { tail -n 5 "$work/out" "$work/err" >&2; echo "bench: exit code $code where $expected was expected: $*" >&2; exit 1; }
  echo $((ended - started)) >>"$file"
}

# say LABEL FILE: prints the median of the file's times, and leaves it in `took`.
say() {
  took=$(sort -n "$2" | awk '{all[NR] = $1} END {printf "%.3f", all[int((NR + 1) / 2)] / 1e6}')
  printf '%-64s %9s s\n' "$1" "$took"
}

# measure LABEL RUNS EXPECTED-EXIT-CODE COMMAND…
measure() {
  local label=$1 runs=$2 run; shift 2
  rm -f "$work/times"
  for ((run = 0; run < runs; run++)); do timed "$work/times" "$@"; done
  say "$label" "$work/times"
}

# race RUNS COMMAND…: each command in turn, so that what comes and goes on the machine meets all of them; one file of times
# for each, by its name.
race() {
  local runs=$1 run command; shift
  for ((run = 0; run < runs; run++)); do
    for command in "$@"; do
      # Controllers end what the run before left them.
      sleep 3
      timed "$work/times.$command" 0 "$command"
    done
  done
}

# holds LABEL VALUE LIMIT UNIT: prints a figure that has a limit; one that is over it fails the run at its end.
missed=()
holds() {
  printf '%-64s %9s %s\n' "  $1 (at most $3)" "$2" "$4"
  awk -v value="$2" -v limit="$3" 'BEGIN {exit !(value > limit)}' && missed+=("$1: $2 where $3 is the limit") || true
}

ratio() { awk -v a="$1" -v b="$2" 'BEGIN {printf "%.1f", a / b}'; }

# Peak memory of one run, in MiB.
peak() { /usr/bin/time -f %M -o "$work/peak" "$@" >/dev/null 2>&1 || true; awk '{printf "%d", $1 / 1024}' "$work/peak"; }

delivery() { "$binary" "$@"; }

"$here/objects.sh" "$count" one >"$work/one.yaml"
"$here/objects.sh" "$count" two >"$work/two.yaml"
for text in one two; do
  for format in yaml json; do
    delivery record -f "$work/$text.yaml" --name bench --version $text --offline -q -o "$work/$text.release.$format"
  done
done

echo "machine: $(nproc) cores, $(awk '/MemTotal/ {printf "%d", $2 / 1048576}' /proc/meminfo) GiB; $("$binary" --version)"
echo "$count objects; medians of whole processes"
echo

measure "--help" 20 0 delivery --help
measure "record, $count objects with known digests" 9 0 delivery record -f "$work/one.yaml" --name bench --version one --offline -q -o "$work/again.yaml"

kubectl create namespace mine >/dev/null
kubectl create namespace theirs >/dev/null
measure "kubectl apply --server-side, $count created" 1 0 kubectl apply --server-side -n theirs -f "$work/one.yaml"
measure "promote, $count created" 1 0 delivery promote "$work/one.release.yaml" -n mine -y

measure "kubectl diff --server-side, $count unchanged" 3 0 kubectl diff --server-side -n theirs -f "$work/one.yaml"
theirs=$took
measure "diff, $count unchanged, the release as YAML" 9 0 delivery diff "$work/one.release.yaml" -n mine
measure "diff, $count unchanged, the release as JSON" 9 0 delivery diff "$work/one.release.json" -n mine
printf '%-64s %9s\n' "  times as fast" "$(ratio "$theirs" "$took")"
[ ! -x /usr/bin/time ] || printf '%-64s %9s MiB\n' "  peak memory" "$(peak "$binary" diff "$work/one.release.yaml" -n mine)"
measure "diff --mode=server, $count unchanged" 3 0 delivery diff "$work/one.release.yaml" -n mine --mode=server
bare=$(dirname "$binary")/examples/bare
measure "a client that only sends the dry-runs, 16 at a time" 3 0 "$bare" "$work/two.release.yaml" mine dry
alone=$took
measure "diff, $count that all differ" 3 1 delivery diff "$work/two.release.yaml" -n mine
holds "diff, times that client" "$(awk -v a="$took" -v b="$alone" 'BEGIN {printf "%.2f", a / b}')" 1.3 ""

# tell_writes LABEL COMMAND…: prints how many requests of a run change something, how many of them write the seal, and what
# those took together.
tell_writes() {
  local label=$1; shift
  "$@" -v 6 >/dev/null 2>"$work/err" || { tail -n 5 "$work/err" >&2; exit 1; }
  awk -v label="$label" '
    /answered method=(POST|PUT|PATCH|DELETE)/ && !/dryRun|selfsubject/ {
      writes++
      if (/-seal[?"]/) { seals++; sub(/.*millis=/, ""); millis += $1 }
    }
    END { printf "%-64s %9d\n%-64s %9d, %.3f s\n", label, writes, "  of them of the seal", seals, millis / 1000 }' "$work/err"
}

measure "promote with nothing to do" 5 0 delivery promote "$work/one.release.yaml" -n mine -y
measure "kubectl apply --server-side, $count changed" 1 0 kubectl apply --server-side -n theirs -f "$work/two.yaml"

# Each run changes every object: to the text that the run before it did not have.
turn() { # NAMESPACE: which of the two comes next
  local text=two
  [ "$(cat "$work/turn.$1" 2>/dev/null)" != two ] || text=one
  echo $text | tee "$work/turn.$1"
}
times() { awk -v a="$took" -v b="$1" 'BEGIN {printf "%.2f", a / b}'; }

# A client that only sends knows nothing of rollouts: beside it objects of which none rolls out.
for text in one two; do
  "$here/objects.sh" "$count" $text none >"$work/$text.still.yaml"
  delivery record -f "$work/$text.still.yaml" --name still --version $text --offline -q -o "$work/$text.still.release.json"
done
still_sent() { "$bare" "$work/$(turn still-bare).still.release.json" still-bare; }
still_promoted() { delivery promote "$work/$(turn still-mine).still.release.json" -n still-mine -y; }
kubectl create namespace still-bare >/dev/null
kubectl create namespace still-mine >/dev/null
"$bare" "$work/one.still.release.json" still-bare
delivery promote "$work/one.still.release.json" -n still-mine -y >/dev/null 2>&1
race 7 still_sent still_promoted
say "a client that only sends the applies, 16 at a time, $count changed" "$work/times.still_sent"
alone=$took
say "promote, $count changed, none rolls out" "$work/times.still_promoted"
holds "promote, times that client" "$(times "$alone")" 1.3 ""
tell_writes "requests that change something" \
  delivery promote "$work/$(turn still-mine).still.release.json" -n still-mine -y
[ ! -x /usr/bin/time ] || holds "peak memory" \
  "$(peak "$binary" promote "$work/$(turn still-mine).still.release.json" -n still-mine -y)" 150 MiB

# With rollouts, beside the same client, and beside one that waits for its rollouts as well.
sent() { "$bare" "$work/$(turn bare).release.json" bare; }
sent_and_waited() { "$bare" "$work/$(turn bare).release.json" bare wait; }
promoted() { delivery promote "$work/$(turn mine).release.json" -n mine -y; }
kubectl create namespace bare >/dev/null
"$bare" "$work/one.release.json" bare
race 5 sent sent_and_waited promoted
say "the client that only sends, $count changed, $((count / 4)) rollouts" "$work/times.sent"
alone=$took
say "the same client, waiting for its rollouts" "$work/times.sent_and_waited"
waiting=$took
say "promote, $count changed, $((count / 4)) rollouts" "$work/times.promoted"
printf '%-64s %9s\n' "  times the client that only sends" "$(times "$alone")"
holds "promote, times the client that waits" "$(times "$waiting")" 1.3 ""
[ ! -x /usr/bin/time ] || holds "peak memory" \
  "$(peak "$binary" promote "$work/$(turn mine).release.json" -n mine -y)" 150 MiB

# A rollout: pods that a simulated node makes ready at once, with a readiness probe, so that nobody waits for them to settle.
for text in one two; do
  "$here/objects.sh" 200 "$text" 1 >"$work/$text.few.yaml"
  delivery record -f "$work/$text.few.yaml" --name few --version "$text" --offline -q -o "$work/$text.few.release.yaml"
done
apply_and_wait() { # FILE
  kubectl apply --server-side -n few-theirs -f "$1" && kubectl rollout status deployment -n few-theirs
}
promote_few() { # RELEASE
  delivery promote "$1" -n few-mine -y
}
kubectl create namespace few-mine >/dev/null
kubectl create namespace few-theirs >/dev/null
measure "kubectl apply + rollout status, 200 with 50 rollouts, created" 1 0 apply_and_wait "$work/one.few.yaml"
measure "promote, 200 with 50 rollouts, created" 1 0 promote_few "$work/one.few.release.yaml"
measure "kubectl apply + rollout status, 200 with 50 rollouts, changed" 1 0 apply_and_wait "$work/two.few.yaml"
theirs=$took
measure "promote, 200 with 50 rollouts, changed" 1 0 promote_few "$work/two.few.release.yaml"
holds "promote, times kubectl" "$(times "$theirs")" 1 ""

# What the look at the way back costs: a running template that differs in its name alone is tried once. Against a build
# without that check, each in turn, the price shows as time.
few_promoted() { delivery promote "$work/$(turn few-mine).few.release.yaml" -n few-mine -y; }
echo two >"$work/turn.few-mine"
delivery promote "$work/$(turn few-mine).few.release.yaml" -n few-mine -y -v 6 >/dev/null 2>"$work/err"
printf '%-64s %9d\n' "  dry runs of pods, to come and running, of 50 templates" \
  "$(grep -cE 'answered method=POST path=[^ ]*/pods\?[^ ]*dryRun' "$work/err")"
if [ -n "${BASELINE:-}" ]; then
  few_promoted_by_baseline() { "$BASELINE" promote "$work/$(turn few-before).few.release.yaml" -n few-before -y; }
  kubectl create namespace few-before >/dev/null
  few_promoted_by_baseline >/dev/null 2>&1
  race 9 few_promoted few_promoted_by_baseline
  say "promote, 200 with 50 rollouts, changed, by $("$BASELINE" --version)" "$work/times.few_promoted_by_baseline"
  theirs=$took
  say "promote, the same" "$work/times.few_promoted"
  holds "promote, times the baseline" "$(times "$theirs")" 1.05 ""
fi

# From when a watch beside it sees the last pod ready to the end of the program.
cat >"$work/slow.yaml" <<'YAML'
apiVersion: apps/v1
kind: Deployment
metadata: {name: slow}
spec:
  replicas: 10
  selector: {matchLabels: {app: slow}}
  template:
    metadata: {labels: {app: slow, kwok-play: slow-ready}, annotations: {kwok-play-after: 2s}}
    spec:
      containers:
      - name: app
        image: registry.example/app@sha256:1111111111111111111111111111111111111111111111111111111111111111
        readinessProbe: {tcpSocket: {port: 80}}
YAML
delivery record -f "$work/slow.yaml" --name slow --version one --offline -q -o "$work/slow.release.yaml"
for run in 1 2 3; do
  kubectl create namespace "slow-$run" >/dev/null
  # A line of its own for each change of a pod: the last one that says True is the last pod's readiness.
  kubectl get pods -n "slow-$run" --watch -o 'jsonpath={.status.conditions[?(@.type=="Ready")].status}{"\n"}' \
    > >(while read -r ready; do [ "$ready" != True ] || echo "${EPOCHREALTIME/./}" >"$work/ready"; done) &
  delivery promote "$work/slow.release.yaml" -n "slow-$run" -y >/dev/null 2>&1
  echo $((${EPOCHREALTIME/./} - $(cat "$work/ready")))
  kill $!
done | sort -n | awk '{all[NR] = $1} END {printf "%-64s %9.3f s\n", "from the last pod ready to promoted, 10 pods (at most 0.2)", all[2] / 1e6}'

many=$((count * 10))
"$here/objects.sh" $many one >"$work/many.yaml"
delivery record -f "$work/many.yaml" --name many --version one --offline -q -o "$work/many.release.json"
kubectl create namespace many >/dev/null
delivery promote "$work/many.release.json" -n many -y >"$work/out" 2>"$work/err" || { tail -n 5 "$work/err" >&2; exit 1; }
measure "diff, $many unchanged, the release as JSON" 3 0 delivery diff "$work/many.release.json" -n many
[ ! -x /usr/bin/time ] || holds "peak memory" "$(peak "$binary" diff "$work/many.release.json" -n many)" 150 MiB

if [ ${#missed[@]} -gt 0 ]; then
  printf 'over its limit: %s\n' "${missed[@]}" >&2
  exit 1
fi
