# What a developer types. `make demo` and `make test` need nothing but Rust and, for the tests, Debian's packages,
# which `make packages` installs.

CARGO ?= cargo

PACKAGES = postgresql prometheus prometheus-postgres-exporter prometheus-node-exporter python3-prometheus-client

.PHONY: demo test packages lint unit soak crash fuzz bench conformance doc

demo:
	$(CARGO) run --release -- demo --once

test: packages lint unit

packages:
	@missing="$$(for package in $(PACKAGES); do \
	    dpkg-query -W -f='$${Status}\n' $$package 2>/dev/null | grep -q 'ok installed' || printf '%s ' $$package; done)"; \
	if [ -z "$$missing" ]; then exit 0; fi; \
	if [ "$$(id -u)" = 0 ]; then as_root=; elif command -v sudo >/dev/null; then as_root=sudo; \
	else echo "the tests need these Debian packages, which only root can install: $$missing" >&2; exit 1; fi; \
	echo "installing $$missing"; \
	$$as_root apt-get update -qq && \
	$$as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $$missing

lint:
	$(CARGO) fmt --check
	$(CARGO) clippy --quiet --all-targets -- -D warnings
	RUSTDOCFLAGS='-D warnings' $(CARGO) doc --quiet --no-deps

unit:
	$(CARGO) test

# The laws of the incident engine over many more cases. A failure is shrunk and printed; SEED repeats a run.
soak:
	@seed="$${SEED:-$$(date +%s)}"; echo "seed $$seed"; \
	PROPTEST_CASES="$${CASES:-10000}" PROPTEST_RNG_SEED="$$seed" $(CARGO) test --release --lib laws

# The daemon is killed KILLS times in the middle of its work; the last line says what that cost. SEED repeats the
# choices of a run. Without KILLS, `cargo test` kills it a few times.
crash:
	KILLS="$${KILLS:-1000}" $(CARGO) test --quiet --release --test crash

# Each fuzz target for SECONDS, one after the other; needs `cargo install cargo-fuzz`. What it finds lies in fuzz/artifacts,
# what it learns in fuzz/target/corpus. Safe Rust needs no sanitizer, and the switches of the stable compiler are enough.
fuzz:
	@for target in promql templates rule_files exposition_text openmetrics protobuf relabel; do \
	    mkdir -p fuzz/target/corpus/$$target && \
	    RUSTC_BOOTSTRAP=1 $(CARGO) fuzz run --sanitizer none $$target fuzz/target/corpus/$$target fuzz/corpus/$$target -- \
	        -max_total_time=$(or $(SECONDS),600) -max_len=4096 -timeout=20 -print_final_stats=1 || exit 1; done

bench:
	$(CARGO) bench --bench exposition
	$(CARGO) bench --bench decide
	$(CARGO) bench --bench deliver
	$(CARGO) bench --bench promql
	$(CARGO) build --release
	target/release/fogsignal replay tests/scenarios/large/crm-with-200-rules.scn --format json >/dev/null

# SHARED is the folder with the public conformance data, which is not part of this repository.
conformance:
	@if [ ! -d "$(SHARED)/conformance" ]; then \
	    echo "usage: make conformance SHARED=…, the folder that has conformance/" >&2; exit 1; fi
	$(CARGO) build --release --examples
	python3 "$(SHARED)"/conformance/check_exposition.py --format text -- target/release/examples/exposition_parser
	@# Two pages fail: one lacks its `# EOF`, one has a time that no 64-bit number of milliseconds holds.
	-python3 "$(SHARED)"/conformance/check_exposition.py --format openmetrics -- target/release/examples/exposition_parser
