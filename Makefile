# Everything starts here. `make test` and `make demo` work from a fresh clone.
MAKEFLAGS += --no-print-directory
BIN := node_modules/.bin
STAMP := node_modules/.installed
FILES ?=
ARGS ?=
BASE ?=
MINUTES ?= 1

.PHONY: help install build demo test check lint format tidy docs bench bench-compare bench-curves bench-docs \
  bench-peers model simulate splits hub at-rest stores chaos fuzz soak clean

help: ## this list
	@grep -hE "^[a-z-]+:.*## " $(MAKEFILE_LIST) | sed -E "s/:[^#]*## /\t/" | expand -t 15

install: $(STAMP) ## dependencies, only when missing or older than the lock file

$(STAMP): package-lock.json
	npm ci
	@touch $@

build: install ## compile and type-check everything to dist/
	$(BIN)/tsc -p tsconfig.json

demo: build ## a process moves over TCP under load, inside a cluster and between two; nothing may be lost
	node dist/scripts/demo.js

test: build ## all tests, or FILES="test/unit/a.test.ts test/property"; ARGS go to tap
	@node dist/scripts/test.js $(ARGS) $(FILES)

check: build lint tidy docs ## types (the build), lint and format, hard rules, documentation without warnings

lint: install
	$(BIN)/biome check --error-on-warnings .

format: install ## write the format and the safe fixes
	$(BIN)/biome check --write .

tidy: build ## the hard rules of CONTRIBUTING.md
	node dist/scripts/tidy.js

docs: install ## the public API and the pages of docs/ to docs/api/
	$(BIN)/typedoc

bench: build ## every goal beside the baseline; ARGS="--quick moves"
	node dist/scripts/bench/main.js $(ARGS)

bench-compare: build ## BASE=main: before and after of each row, and whether it is more than noise
	node dist/scripts/bench/compare.js --base "$(BASE)" $(ARGS)

bench-curves: build ## how costs grow with processes, nodes, bytes, moves in flight; ARGS=--far for a million
	node dist/scripts/bench/curves.js $(ARGS)

bench-docs: build ## measures all, and writes the tables and pictures of docs/PERFORMANCE.md
	node dist/scripts/bench/main.js
	node dist/scripts/bench/curves.js $(ARGS)
	node dist/scripts/bench/render.js

bench-peers: ## moleculer and comedy, for make bench to run beside us
	npm ci --prefix scripts/bench/peers --ignore-scripts

# What these read beside the words in the middle column stands at the head of their scripts.

model: build ## every state that the shipped machines can come to, and broken variants that must be found
	node --max-old-space-size=8192 dist/scripts/model.js $(ARGS)

simulate: build ## SEEDS=1000 FROM=1 | SEED=123 | PLAN=file | MUTANT=name: random histories of simulated clusters
	node dist/scripts/simulate.js

hub: build ## 10,000 children on three programs; a fourth joins, one leaves by SIGTERM, one is killed
	node dist/scripts/bench/hub.js $(ARGS)

at-rest: build ## 1,000 children whose state is kept, one node of three killed under load: what was lost in each mode
	node dist/scripts/bench/at-rest.js $(ARGS)

stores: build ## what a save and a load cost in each store, beside a synced file
	node dist/scripts/bench/stores.js $(ARGS)

splits: build ## each partition policy through cuts that heal: who serves, what is found, merged, lost
	node dist/scripts/splits.js

chaos: build ## RUNS=1 ONLY=COMMIT MUTANT=lose: real programs, killed and stopped at every step of a move
	node dist/scripts/chaos.js

fuzz: build ## FRAMES=1000000 SEED=1 MUTANT=all: hostile and mutated bytes, and peers that lie
	node dist/scripts/fuzz.js

soak: build ## MINUTES=1: does anything grow? Moves, calls, cut links over real TCP
	node dist/scripts/soak.js --minutes $(MINUTES)

clean: ## what was built
	rm -rf dist docs/api .tap coverage
