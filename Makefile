# Everything is a target here; each one sets the clone up first, and a step that is up to date takes no time.
# Needs: git, make, Node 20 or newer, and Docker or Java 17 with Maven. Nothing is installed outside this folder.

SHELL := /bin/bash
.DEFAULT_GOAL := help
.PHONY: help setup demo test check rules format generate baseline build up down bench identity-report conformance conformance-debezium audit rebuild-check deliveries-check chaos simulate simulate-mutants image manifests cluster-check

NODE := tools/run node --conditions=tributary-source --disable-warning=ExperimentalWarning
JEST := NODE_OPTIONS='--experimental-vm-modules --disable-warning=ExperimentalWarning' tools/run jest

help: ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1\t/' | \
		while IFS=$$'\t' read -r target text; do printf '  make %-20s %s\n' "$$target" "$$text"; done

setup: ## tools, dependencies and generated code; all other targets do it themselves
	@command -v node >/dev/null || { echo "There is no Node on this machine: install Node 20 or newer." >&2; exit 1; }
	@node tools/bootstrap.mjs

preflight: setup
	@$(NODE) deploy/local/src/preflight.ts

demo: preflight ## the main job: a shop's week through the whole pipeline, with its ledger
	@$(NODE) tests/demo/demo.ts $(ARGS)

test: preflight ## every test, with a real Kafka and ClickHouse (ARGS=path for some)
	@$(JEST) $(ARGS)

check: setup ## format, lint, types, protos, unused code, committed files
	@$(NODE) tools/check.ts $(ARGS)

rules: setup ## the Prometheus rules and their cases, by promtool (built once into .tools; needs Go)
	@$(NODE) tools/rules.ts

format: setup ## formats everything
	@tools/run oxfmt && tools/run buf format -w

generate: setup ## TypeScript from protos/
	@tools/run buf generate

baseline: setup ## accepts protos and public schemas as they are as what later changes must not break
	@tools/run buf build -o tools/protos-baseline.binpb
	@$(NODE) tools/publicSchemas.ts

build: setup ## compiles all packages and services to dist/
	@tools/run tsc -b tsconfig.build.json

up: preflight ## Kafka, ClickHouse and the four services, until Ctrl-C (CONFIG=folder of documents, FRESH=1)
	@exec $(NODE) deploy/local/src/up.ts --config $(or $(CONFIG),examples/shop) $(if $(FRESH),--fresh)

down: setup ## stops what `make up` runs
	@$(NODE) deploy/local/src/down.ts

bench: preflight ## measures the bars (ONLY=name for one, ARGS=--json)
	@$(NODE) tests/bench/bench.ts $(if $(ONLY),--only $(ONLY)) $(ARGS)

identity-report: setup ## identity against truth: worlds of made-up people (PERSONS=2000, SEED=1)
	@$(NODE) tests/identity/identityReport.ts $(if $(PERSONS),--persons $(PERSONS)) $(if $(SEED),--seed $(SEED))

chaos: preflight ## kills, stalls and outages under load, audited (DURATION= s, SEED=, KILLS=, STALLS=, RATE=)
	@exec $(NODE) tests/chaos/chaos.ts $(if $(DURATION),--duration $(DURATION)) $(if $(SEED),--seed $(SEED)) \
		$(if $(KILLS),--kills $(KILLS)) $(if $(STALLS),--stalls $(STALLS)) $(if $(RATE),--rate $(RATE))

simulate: setup ## thousands of small worlds, each with a disaster of its own (SEEDS=2000, FROM=0; SEED=n replays one)
	@$(NODE) tests/simulator/simulate.ts $(if $(SEED),--seed $(SEED),$(if $(SEEDS),--seeds $(SEEDS)) $(if $(FROM),--from $(FROM))) \
		$(if $(WITHOUT),--without $(WITHOUT))

simulate-mutants: setup ## switches each guard off in turn: some world must fail; writes docs/reports/simulator.md
	@$(NODE) tests/simulator/simulate.ts --mutants

conformance: preflight ## real SDKs and browsers against a collector on Kafka (ONLY=name, STATUS=429; ALL=1: all must run)
	@ONLY="$(ONLY)" STATUS="$(STATUS)" ALL="$(ALL)" RECORD="$(RECORD)" $(NODE) tests/conformance/conformance.ts

conformance-debezium: preflight ## Debezium over a real PostgreSQL, through Kafka Connect (ALL=1: must run)
	@ALL="$(ALL)" RECORD="$(RECORD)" $(NODE) tests/debezium/conformanceDebezium.ts

rebuild-check: preflight ## derived topics and local state lost and rebuilt from the event log: the same state; also under other rules (EVENTS=3000, RATE=2000)
	@$(NODE) tests/rebuild/rebuildCheck.ts $(if $(EVENTS),--events $(EVENTS)) $(if $(RATE),--rate $(RATE)) $(if $(SEED),--seed $(SEED))

deliveries-check: preflight ## ten destinations with faults, activation killed: nothing lost (CHANGES=100000, SEED=2026)
	@$(NODE) tests/deliveries/deliveriesCheck.ts $(if $(CHANGES),--changes $(CHANGES)) $(if $(SEED),--seed $(SEED))

audit: setup ## the ledger of the last demo; exit code 0 when it balances
	@$(NODE) tests/demo/audit.ts $(ARGS)

image: ## the container image with the four services and the command
	@command -v docker >/dev/null || { echo "There is no docker on this machine: it builds the image." >&2; exit 1; }
	version=$$(node -p 'require("./package.json").version'); docker build -f deploy/docker/Dockerfile -t tributary:$$version \
		--build-arg VERSION=$$version --build-arg REVISION=$$(git rev-parse HEAD 2>/dev/null || echo unknown) .

cluster-check: setup ## a week and an operator's day on a real cluster (KUBECONFIG=, or LAB=script; SEED=, RATE=, IMAGES=keep, KEEP=1)
	@exec $(NODE) tests/cluster/clusterCheck.ts

manifests: setup ## Strimzi's topics and users from the catalogue, and the chart's files from k8s/
	@$(NODE) tools/manifests.ts
