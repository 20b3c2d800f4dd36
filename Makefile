# Everything starts here. `make test` and `make demo` work from a fresh clone.
MAKEFLAGS += --no-print-directory
BIN := node_modules/.bin
STAMP := node_modules/.installed
FILES ?=
ARGS ?=

.PHONY: help install build demo test check lint format tidy docs bench clean

help: ## this list
	@grep -hE "^[a-z]+:.*## " $(MAKEFILE_LIST) | sed -E "s/:[^#]*## /\t/" | expand -t 10

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

bench: build ## the benchmarks
	node dist/scripts/bench/main.js $(ARGS)

clean: ## what was built
	rm -rf dist docs/api .tap coverage
