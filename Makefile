# `make` lists what there is. Nothing here needs more than bash, GNU make and the Rust toolchain; the rest is installed by `make deps`.
SHELL := /bin/bash
.DEFAULT_GOAL := help
.PHONY: help run build test model events submits fuzz demo screenshots bench fmt lint deny deps tools clean

# Where `make run` keeps its data, and where it listens.
DATA ?= ./data
HOST ?= 127.0.0.1
PORT ?= 3000
# Arguments for `cargo test`, as in: make test ARGS="-p posthouse-store"
ARGS ?= --workspace
# How many changes `make model` makes, and by which script; a failure prints the seed that has it again
CHANGES ?= 20000
SEED ?=
# Seconds that `make fuzz` spends on each reader of foreign bytes
EACH ?= 600
# How many events `make events` makes
EVENTS ?= 100000
# How many messages `make submits` sends
SUBMITS ?= 10000
# Which benchmark, as in: make bench B=b2
B ?= b2

help: ## List the targets
	@awk 'BEGIN { FS = ":.*## "; print "Posthouse\n" } /^[a-z]+:.*## / { printf "  make %-11s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
	@printf '\nSettings: DATA=%s HOST=%s PORT=%s (run), ARGS="%s" (test), B=%s (bench)\n' '$(DATA)' '$(HOST)' '$(PORT)' '$(ARGS)' '$(B)'

build: ## Build the release binary, target/release/posthouse
	cargo build --release --locked -p posthouse

run: build ## Build, then serve on the folder DATA; prints the address, a first token and what to do next
	@mkdir -p '$(DATA)'
	@exec target/release/posthouse serve --host '$(HOST)' --port '$(PORT)' --data-dir '$(DATA)'

test: deps tools ## Install what tests need, start the services on private ports, run all tests (ARGS="browser" for the pages alone)
	@tests/run.sh $(ARGS)

model: deps ## The long model test: CHANGES=20000 changes of mailboxes by SEED, while the server is cut off and killed (20 minutes)
	@POSTHOUSE_TEST_CHANGES='$(CHANGES)' POSTHOUSE_TEST_SEED='$(SEED)' \
	  tests/run.sh -p posthouse --test it -- --exact --nocapture model::what_happened_is_told_exactly_once

fuzz: ## Every reader of foreign bytes, EACH=600 seconds each, with random input (an hour and a half)
	@tests/fuzz.sh '$(EACH)'

events: deps ## The long test of events: EVENTS=100000 events by SEED through many kills, each received and none invented (15 minutes)
	@POSTHOUSE_TEST_EVENTS='$(EVENTS)' POSTHOUSE_TEST_SEED='$(SEED)' \
	  tests/run.sh -p posthouse --test it -- --exact --nocapture events::each_is_received_through_kills

submits: deps ## The long test of sending: SUBMITS=10000 messages by SEED through kills and faults, none lost, by each `ambiguousDelivery` (half an hour)
	@POSTHOUSE_TEST_SUBMITS='$(SUBMITS)' POSTHOUSE_TEST_SEED='$(SEED)' \
	  tests/run.sh -p posthouse --test it -- --nocapture --test-threads 1 submits::none_is_lost_and submits::none_is_lost_nor

demo: ## The whole way in half a minute: account, new mail, webhook, reply
	@tests/services/deps.sh demo
	@cargo build --release --locked -p posthouse
	@python3 demo/demo.py

screenshots: tools ## Every page and state as PNG, light and dark, wide and narrow, into .screenshots (four minutes)
	@tests/services/deps.sh screenshots
	@tests/browser/screenshots.sh

bench: ## Run one benchmark against a release build (B=b1..b13, see bench/README.md)
	@tests/services/deps.sh bench
	@bench/run.sh '$(B)' $(BENCH_ARGS)

fmt: ## Format all code
	cargo fmt --all

lint: ## Check format, clippy with warnings as errors
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --locked -- -D warnings

deny: ## Check licences, banned crates and sources (needs cargo-deny)
	cargo deny --all-features check licenses bans sources

deps: ## Install the Debian packages that tests need, if any is missing
	@tests/services/deps.sh test

tools:
	@tests/tools/install.sh

clean: ## Remove what builds, tests and benchmarks left behind (not DATA)
	cargo clean
	rm -rf .tests .bench .screenshots
