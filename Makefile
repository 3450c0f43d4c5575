# `make help` lists the targets.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
CLUSTER := tests/cluster/cluster.sh
NODE := tests/cluster/node/node.sh
LINTS := $(or $(KUBECTL_DELIVERY_CACHE),$(or $(XDG_CACHE_HOME),$(HOME)/.cache)/kubectl-delivery)/lints
# Cluster tests that have targets of their own.
APART := $(addprefix --skip ,e2e:: engines:: real_helm:: properties:: observability:: earlier::)
# What a run may lose, and to whom: those that kill, freeze, cut off, forge and crowd.
SAFETY := attacks:: deleting:: execute:: forget:: hostile:: losses:: moves:: rehearse:: sealed:: \
  promote::sizes rollout::outage watch::chaos watch::cut
# What comes of a promotion once it has written.
ROLLOUTS := readiness:: rollout:: verification:: wait:: wait_in_sync:: \
  promote::barriers promote::controllers promote::hooks promote::quarantine promote::rollback
# They wait more than they work.
SIDE_BY_SIDE = RUST_TEST_THREADS=$${RUST_TEST_THREADS:-8}
IN_CLUSTER = $(SIDE_BY_SIDE) cargo test --test it -- --show-output $(APART)
LINT_TOOLS := cargo-machete@0.9.2 cargo-deny@0.20.2

.PHONY: help
help: ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

# What the goals of this run need beyond a build: told or installed before the first of them begins.
NEEDS_lint := lint
NEEDS_test := lint test
NEEDS_quick := test
NEEDS_rollouts := test
NEEDS_safety := test
NEEDS_e2e := e2e

.PHONY: tools
tools:
	@tests/needs.sh build $(foreach goal,$(MAKECMDGOALS),$(NEEDS_$(goal)))

.PHONY: cluster
cluster: tools ## start the real control plane (cluster `dev`); builds its tools the first time
	@$(CLUSTER) up

.PHONY: cluster-down
cluster-down: ## stop it and remove what it held
	@$(CLUSTER) down

.PHONY: node
node: cluster ## join a real kubelet to it (root, Linux)
	@$(NODE) up

.PHONY: node-down
node-down: ## remove the real kubelet
	@$(NODE) down

# Built once and unoptimised: each runs for a second.
.PHONY: lint-tools
lint-tools: tools
	@for tool in $(LINT_TOOLS); do \
	  [ -x "$(LINTS)/$$tool/bin/$${tool%@*}" ] || cargo install --quiet --locked --debug --root "$(LINTS)/$$tool" "$$tool"; done

.PHONY: lint
lint: tools lint-tools ## format, lints, unused dependencies, licences and sources, scripts and workflows
	cargo fmt --check
	@git ls-files '*.sh' .ci/run ':!*zsh.sh' | xargs shellcheck -x -P SCRIPTDIR -s bash -S warning -e SC1007,SC2034,SC2154
	@"$$(tests/tools/build.sh actionlint)" -shellcheck shellcheck
	cargo clippy --quiet --all-targets -- -D warnings
	$(LINTS)/$(word 1,$(LINT_TOOLS))/bin/cargo-machete --skip-target-dir .
	$(LINTS)/$(word 2,$(LINT_TOOLS))/bin/cargo-deny --log-level error check bans licenses sources

.PHONY: test
test: lint cluster ## lints, unit tests, tests of every command against the control plane
	$(SIDE_BY_SIDE) cargo test --lib
	cargo test --test architecture
	cargo test --test fuzz
	cargo test --test corpus -- --nocapture
	cargo test --test getting
	cargo test --test quick
	$(IN_CLUSTER) $(addprefix --skip ,$(SAFETY) $(ROLLOUTS))

.PHONY: rollouts
rollouts: tools cluster ## what comes of a promotion: the health of each kind, waiting, gates, hooks, rollbacks, what pods run
	$(IN_CLUSTER) $(addprefix --skip ,$(SAFETY)) $(ROLLOUTS)

.PHONY: safety
safety: tools cluster ## nothing is lost: runs that are killed, frozen, cut off, attacked or in each other's way, against the control plane
	$(IN_CLUSTER) $(SAFETY)

.PHONY: quick
quick: tools cluster ## in a minute what a change has most likely broken: format, lints of the program, unit tests, architecture, every command once
	cargo fmt --check
	cargo clippy --quiet --lib --bins -- -D warnings
	$(SIDE_BY_SIDE) cargo test --quiet --lib --test architecture --test quick

.PHONY: schemas
schemas: tools ## write docs/schema anew, from the types
	UPDATE_SCHEMAS=1 cargo test --quiet --test it -- schema::the_published_schemas

.PHONY: chaos
chaos: tools cluster fuzz ## `make fuzz`; runs killed or frozen at each of their writes; then promotions, reverts and a watch with EDITS=1000 through a bad network, by seeds; SEED=first COUNT=150
	KUBECTL_DELIVERY_ALL_CRASHES=1 cargo test --test it -- execute::crash execute::zombies moves::crash --nocapture
	KUBECTL_DELIVERY_CHAOS=$${COUNT:-150} KUBECTL_DELIVERY_SEED=$${SEED:-100} \
	  cargo test --test it -- execute::faults --nocapture
	KUBECTL_DELIVERY_EDITS=$${EDITS:-1000} KUBECTL_DELIVERY_SEED=$${SEED:-100} \
	  cargo test --test it -- watch::chaos --nocapture

.PHONY: fuzz
fuzz: tools ## changed files of every kind that is read; SEED=first INPUTS=20000 of each kind
	INPUTS=$${INPUTS:-20000} cargo test --test fuzz -- --nocapture --test-threads 1

.PHONY: realapps
realapps: tools ## real installations on a control plane of their own, an hour; APPS=ci (ten minutes) or names, PARTS=, SEED=
	@$(CLUSTER) build
	cargo test --test realapps -- --nocapture

.PHONY: skew
skew: tools ## the cluster tests on another Kubernetes, K8S=1.33; TESTS='diff:: minors::', all of them (half an hour) by default
	@tests/skew.sh "$(K8S)" env $(IN_CLUSTER) $(TESTS)

.PHONY: skew-all
skew-all: ## `make skew` on every Kubernetes one after the other: hours; writes the table of docs/kubernetes-versions.md
	@failed=; for minor in $$($(CLUSTER) minors); do $(MAKE) skew K8S=$$minor TESTS= || failed+=" $$minor"; done; \
	[ -z "$$failed" ] || { echo "not all tests passed on$$failed" >&2; exit 1; }

# Their CRDs are the whole cluster's, so that it is no other test's.
.PHONY: engines
engines: tools ## beside real controllers, on a control plane of their own; ENGINES=rollouts (Argo) or flux; nine minutes each to build, once
	@for engine in $${ENGINES:-rollouts flux}; do tests/engines/build.sh "$$engine" >/dev/null; done
	@trap '$(CLUSTER) down engines' EXIT; $(CLUSTER) up engines; \
	export KUBECTL_DELIVERY_TEST_CLUSTER=$$($(CLUSTER) env engines | jq -r .workdir)/env.json; \
	cargo test --test it -- $$(printf 'engines::%s ' $${ENGINES:-rollouts flux}) --show-output

MONITORING = prometheus=$$(tests/engines/build.sh prometheus); alertmanager=$$(tests/engines/build.sh alertmanager); \
	export KUBECTL_DELIVERY_PROMETHEUS=$$prometheus KUBECTL_DELIVERY_ALERTMANAGER=$$alertmanager;

.PHONY: observability
observability: tools cluster ## `watch` with a real Prometheus and Alertmanager; minutes to build, once
	@$(MONITORING) cargo test --test it -- observability:: --show-output

.PHONY: helm
helm: tools cluster ## `diff --helm` over what helm 3 and 4 have installed; four minutes each to build, once
	cargo test --test it -- real_helm:: --show-output

.PHONY: old-journals
old-journals: tools cluster ## what an earlier version left, killed anywhere, resumed and reverted by this one; minutes to build, once
	@KUBECTL_DELIVERY_EARLIER=$$(tests/earlier/build.sh); export KUBECTL_DELIVERY_EARLIER; \
	cargo test --test it -- earlier:: --show-output

.PHONY: properties
properties: tools cluster ## random pairs of releases against the server's own answer, removals behind pods, and edits taken into manifests; PAIRS=200 DRAWS=1000 STARTS=300 PATCHES=500 APPLIES=3300 SEED=first
	APPLIES=$${APPLIES:-3300} cargo test --test it -- properties:: both_modes_find_the_same --nocapture

.PHONY: e2e
e2e: tools ## the tests against a real kubelet: ours, or the cluster of KUBECONFIG where no node can be joined
	@status=0; without=; $(NODE) up || status=$$?; \
	case $$status in 0) ;; 3) KUBECTL_DELIVERY_TEST_CLUSTER=$$($(NODE) elsewhere); export KUBECTL_DELIVERY_TEST_CLUSTER; \
	  without='--skip e2e::readme::'; echo "not run: e2e::readme, which needs a node of this machine" ;; *) exit $$status ;; esac; \
	$(MONITORING) cargo test --test it -- e2e:: $$without --test-threads 2 --show-output

.PHONY: cosign-check
cosign-check: tools ## the real cosign checks what we sign; the first run builds it
	cargo build
	@tests/fixtures/cosign/verify.sh "$${CARGO_TARGET_DIR:-target}/debug/kubectl-delivery"

.PHONY: demo
demo: cluster ## the product at work on the shop, told step by step; KEEP=1 leaves it for playing
	@$(NODE) up || echo "no real node: the simulated ones play"
	cargo build --release
	@examples/shop/demo.sh "$${CARGO_TARGET_DIR:-target}/release/kubectl-delivery"

.PHONY: bench
bench: tools ## whole processes beside kubectl's, medians, on a control plane of their own; COUNT=1000 BASELINE=another build, to see the price of a change
	cargo build --release --bin kubectl-delivery --example bare
	@tests/bench/bench.sh "$${CARGO_TARGET_DIR:-target}/release/kubectl-delivery" $${COUNT:-1000}

.PHONY: bench-many
bench-many: tools ## diff -A over 100 releases with 10,000 objects: time, memory, requests; RELEASES=, OBJECTS= (of each)
	cargo build --release --bin kubectl-delivery
	@tests/bench/many.sh "$${CARGO_TARGET_DIR:-target}/release/kubectl-delivery" $${RELEASES:-100} $${OBJECTS:-100}

.PHONY: bench-watch
bench-watch: tools ## watch -A over 100 releases with 10,000 objects: idle, memory, how soon an edit is reported; RELEASES=, OBJECTS=, IDLE=600 seconds
	cargo build --release --bin kubectl-delivery
	@tests/bench/watch.sh "$${CARGO_TARGET_DIR:-target}/release/kubectl-delivery" $${RELEASES:-100} $${OBJECTS:-100} $${IDLE:-600}

.PHONY: dist
dist: tools ## this host's archive for krew, reproducibly, in dist/
	@release/dist.sh

.PHONY: krew-check
krew-check: dist ## krew's rules, and the archive installed by the real krew; the first run builds it
	@tests/tools/build.sh krew >/dev/null
	cargo test --test krew
