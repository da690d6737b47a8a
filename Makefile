# Two commands are all there is to do: `make demo` and `make test`.
# Everything fetched or made goes to .cache (TRIFOLD_CACHE) and target; nothing is installed system-wide.

SHARDS ?= 3
EPOCHS ?= 3
OUT ?= target/demo
NATS ?=

CARGO ?= cargo
TRIFOLD = $(or $(CARGO_TARGET_DIR),target)/release/trifold

SEEDS ?= 10000
CHAOS_EPOCHS ?= 100

.PHONY: help demo test test-fast test-slow light sim chaos gpu-check bench bench-ledger bench-proven bench-gpu build lint tools clean-cache

help:
	@echo 'make demo         shards transfer, epochs are proven, merged and nested, a light client checks the last proof'
	@echo '                  SHARDS=$(SHARDS) EPOCHS=$(EPOCHS) OUT=$(OUT) NATS=nats://host:port (default: embedded queue)'
	@echo 'make test         all tests: the fast ones, then those that prove the big circuits'
	@echo 'make test-fast    the fast ones only'
	@echo 'make light        light clients: builds the package, the page and the contract, runs their tests, prints sizes, times, gas'
	@echo 'make sim          the coordinator and both queues simulated under faults, SEEDS=$(SEEDS) seeds; SEED=n replays one'
	@echo 'make chaos        real processes killed at random for CHAOS_EPOCHS=$(CHAOS_EPOCHS) epochs, on one NATS server and on three'
	@echo 'make gpu-check    every kernel compiled for every card within its budget; the kernels tests under sanitizers'
	@echo 'make bench        the measured figures, written to bench/results'
	@echo 'make bench-ledger constraints per transfer of the netted ledger at several loads, against the published figures'
	@echo 'make bench-proven proofs of the netted circuits timed, and transfers proven per second from them'
	@echo 'make bench-gpu    a card against sppark (where nvcc is), ICICLE (ICICLE_INSTALL_DIR) and the CPU; GPU=--cpu without one'
	@echo 'make lint         formatting and clippy'
	@echo 'make clean-cache  forget fetched tools, compiled circuits and development keys'

demo: build
	@$(TRIFOLD) demo --shards $(SHARDS) --epochs $(EPOCHS) --out $(OUT) $(if $(NATS),--nats $(NATS))

test: test-fast test-slow

# Without cargo-nextest, plain `cargo test` runs both groups at once, one test at a time.
NEXTEST = $(shell $(CARGO) nextest --version >/dev/null 2>&1 && echo yes)
ifeq ($(NEXTEST),yes)
test-fast: tools
	$(CARGO) nextest run --release --workspace --locked
test-slow: tools
	$(CARGO) nextest run --release --workspace --locked --profile slow
else
test-fast: tools
	@echo 'cargo-nextest is not installed: cargo test runs every test, one at a time' >&2
	RUST_TEST_THREADS=1 $(CARGO) test --release --workspace --locked
test-slow: test-fast
endif

# Everything of the light clients, and nothing else: the verifier for where there is no system below it, the package and the page
# for browsers, the contract, what is served and what follows it; then what they weigh and cost.
LIGHT_CRATES = trifold-verifier trifold-browser trifold-evm trifold-shard
LIGHT_TESTS = archive roles light export receipts
LIGHT_TARGETS = wasm32-unknown-unknown thumbv7em-none-eabihf
light: tools
	@for target in $(LIGHT_TARGETS); do \
	    [ -d "$$(rustc --print target-libdir --target $$target)" ] || { echo "missing Rust target $$target: rustup target add $$target" >&2; exit 1; }; \
	    $(CARGO) build --release --locked -p trifold-verifier --no-default-features --lib --target $$target || exit 1; \
	done
	node browser/build.mjs
ifeq ($(NEXTEST),yes)
	$(CARGO) nextest run --release --workspace --locked -E '$(patsubst %,package(%) +,$(LIGHT_CRATES)) $(patsubst %,binary(%) +,$(LIGHT_TESTS)) none()'
else
	$(CARGO) test --release --workspace --locked $(LIGHT_TESTS:%=--test %)
	$(CARGO) test --release --locked $(LIGHT_CRATES:%=-p %)
endif
	$(CARGO) bench --locked -p trifold-evm --bench gas
	$(CARGO) run --release --locked -p trifold-bench -- light-client
	node browser/measure.mjs
	@cat bench/results/light-client.md bench/results/browser.md bench/results/evm.md

# The fast tests run a few hundred of these seeds.
sim:
	TRIFOLD_SIM_SEEDS=$(SEEDS) $(if $(SEED),TRIFOLD_SIM_SEED=$(SEED)) $(CARGO) test --release --workspace --locked --test sim -- --nocapture

# The slow tests run a few of these epochs.
chaos: tools
	TRIFOLD_CHAOS_EPOCHS=$(CHAOS_EPOCHS) $(if $(SEED),TRIFOLD_CHAOS_SEED=$(SEED)) $(CARGO) test --release --workspace --locked --test slow_chaos -- --nocapture --test-threads=1

# Needs no card: x86-64 Linux with GCC.
gpu-check:
	tools/gpu-check
	tools/sanitize

bench: tools
	$(CARGO) run --release --locked -p trifold-bench

# From the counts pinned in circuits.toml; nothing is compiled or proven.
bench-ledger:
	$(CARGO) run --release --locked -p trifold-bench -- ledger

# Netted circuits and keys are made first where they are missing (about 10 minutes), then a proof of each is timed.
bench-proven: tools
	$(CARGO) run --release --locked -p trifold-bench -- proven

# Ends within nine minutes of its start, the build aside; sppark is built in where nvcc is.
bench-gpu:
	$(CARGO) run --release --locked -p trifold-bench $(if $(shell command -v $${NVCC:-nvcc}),--features sppark) -- gpu $(GPU)

build: tools
	@$(CARGO) build --release --locked -p trifold

lint:
	$(CARGO) fmt --all --check
	$(CARGO) clippy --release --workspace --all-targets --locked -- -D warnings

tools:
	@tools/fetch check
	@tools/fetch

clean-cache:
	rm -rf $(or $(TRIFOLD_CACHE),.cache)
