SPECTRAL := @stoplight/spectral-cli@6.16.3
REDOCLY  := @redocly/cli@2.77.0
DOCUMENT := openapi/accounts.v1.json
SUITE    := cargo test --package accounts-tests --test suite --

.DEFAULT_GOAL := help
.PHONY: help run test check fmt fmt-check lint openapi openapi-lint rules events permissions tour deny outages browser crash

help: ## This list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "%-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: ## Serve on SQLite with a demo account, and say how to look at it
	cargo run --package accounts-server -- serve --demo

test: ## Every test, on SQLite and on PostgreSQL (started by the tests themselves)
	cargo test --workspace

check: fmt-check lint test ## What a change must pass before it is proposed
	@echo "All good."

fmt: ## Format everything
	cargo fmt --all

fmt-check: ## Is everything formatted?
	cargo fmt --all --check

lint: ## Clippy, where a warning is an error
	cargo clippy --workspace --all-targets -- -D warnings

openapi: ## Write the OpenAPI document from the code
	cargo run --quiet --package accounts-server -- openapi > $(DOCUMENT).new
	mv $(DOCUMENT).new $(DOCUMENT)

openapi-lint: ## Spectral and Redocly over the OpenAPI document
	npx --yes $(SPECTRAL) lint --ruleset .ci/spectral.yaml --fail-severity hint $(DOCUMENT)
	npx --yes $(REDOCLY) lint --max-problems 1000 accounts@v1

rules: ## Write the proofs into docs/rules.md
	REWRITE=1 $(SUITE) contract::rules::

events: ## Write docs/events.md from the list of events
	REWRITE=1 $(SUITE) contract::events::

permissions: ## Write docs/permissions.md from tests/contract/authorisation/policy.rs
	REWRITE=1 $(SUITE) contract::authorisation::the_page

tour: ## Run the README's tour, command by command, against the binary
	cargo test --package accounts-server --test readme

deny: ## Licences, banned crates and sources of every dependency
	cargo deny check bans licenses sources

.PHONY: races consistent
LONG_SUITE := cargo test --profile optimised --package accounts-tests --test suite --

races: ## Pairs of requests that overlap in the database: RACES on each (10,000), RACES_SEED for the same ones again
	RACES=$${RACES:-10000} $(LONG_SUITE) races:: --skip schema:: --nocapture --test-threads=1

consistent: ## Reads on every instance while roles move: READS on each database (1,000,000), READS_SEED as above
	READS=$${READS:-1000000} $(LONG_SUITE) consistency:: --nocapture --test-threads=1

# Ten thousand connections on each side, where the hard limit lets them.
outages: ## Everything that may fail around the service, in full and with figures; takes some minutes
	cargo build --package accounts-server
	ulimit -n 20000 2>/dev/null || ulimit -n "$$(ulimit -Hn)"; \
	$(SUITE) outages:: --include-ignored --nocapture --test-threads 1

browser: ## Swagger UI and the pages behind mailed links in headless Chromium
	@command -v npm >/dev/null || { echo "npm is missing: \`apt-get install npm\` installs it with Node.js" >&2; exit 1; }
	cargo build --quiet --package accounts-server
	cd browser && npm ci --silent --no-audit --no-fund
	cd browser && ACCOUNTS_BINARY="$(abspath $(or $(CARGO_TARGET_DIR),target))/debug/accounts" npm test --silent

.PHONY: foreign webhooks-foreign mail-foreign
BUILT          := $(abspath $(or $(CARGO_TARGET_DIR),target))
FOREIGN        := $(BUILT)/foreign
FOREIGN_PYTHON := ACCOUNTS_BINARY="$(BUILT)/debug/accounts" $(FOREIGN)/bin/python -B

# What the two below need.
foreign:
	cargo build --quiet --package accounts-server
	test -x $(FOREIGN)/bin/python || python3 -m venv $(FOREIGN)
	$(FOREIGN)/bin/pip install --quiet --disable-pip-version-check --requirement tests/foreign/requirements.txt

webhooks-foreign: foreign ## Real deliveries, verified by the Python library of Standard Webhooks: needs python3 with venv
	$(FOREIGN_PYTHON) tests/foreign/webhooks.py

mail-foreign: foreign ## Notices by a real mail server that is away for ten minutes (MAIL_OUTAGE=60 for one minute); takes half an hour
	$(FOREIGN_PYTHON) tests/foreign/mail.py

crash: ## Kill the service and PostgreSQL 200 times each under load (CRASH_KILLS, CRASH_WRITES, CRASH_SEED, CRASH_DATABASES)
	cargo build --release --package accounts-server
	CRASH_BINARY="$$(realpath "$${CARGO_TARGET_DIR:-target}/release/accounts")" CRASH_KILLS=$${CRASH_KILLS:-200} \
		CRASH_WRITES=$${CRASH_WRITES:-100000} CRASH_WRITERS=$${CRASH_WRITERS:-32} \
		cargo test --package accounts-server --test crash

# The table of docs/performance.md. Options of the bench go into BENCH: make bench BENCH='--database sqlite --only list'
.PHONY: bench bench-quick
bench: ## Measure against limit servers, on both databases; BENCH_ACCOUNTS=1000000 for a million accounts
	cargo build --release --package accounts-server --package accounts-bench
	ulimit -n "$$(ulimit -H -n)" && target/release/bench --json target/bench.json $(BENCH)

bench-quick: ## The same in blocks of a second: whether it works, not how fast it is
	$(MAKE) bench BENCH='--quick $(BENCH)'
