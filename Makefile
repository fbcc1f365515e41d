# Everything works on a machine with Python 3.11, venv and make. `make help` lists the targets.
PYTHON ?= python3.11
HOST ?= $(or $(CULTUURINZICHT_HOST),127.0.0.1)
PORT ?= $(or $(CULTUURINZICHT_PORT),8000)
CULTUURINZICHT_DATA_DIR ?= var
VENV := .venv
BIN := $(VENV)/bin
export HOST PORT CULTUURINZICHT_DATA_DIR

.DEFAULT_GOAL := help
.PHONY: help run test test-long soak interop check bench bench-ledger lock clean

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /  make \1\t/' | expand -t 22

run: ## install, migrate, seed the invented sector, serve on http://127.0.0.1:8000 (HOST, PORT)
	@PYTHON="$(PYTHON)" sh make/install.sh runtime
	@exec $(BIN)/cultuurinzicht demo --host "$(HOST)" --port "$(PORT)"

test: ## run the tests (SQLite and PostgreSQL; needs nothing but Python)
	@PYTHON="$(PYTHON)" sh make/install.sh dev
	@$(BIN)/python -m pytest

test-long: ## run the long tests: hundreds of kills, a fault at each system call, killed servers
	@PYTHON="$(PYTHON)" sh make/install.sh dev
	@$(BIN)/python -m pytest -m long

soak: ## kill an appending process a thousand times
	@PYTHON="$(PYTHON)" sh make/install.sh dev
	@$(BIN)/python -m tests.consent_ledger.faults.soak

interop: ## let pymerkle, sigstore, Go and npm read our exports (installs what it may, says what it cannot)
	@PYTHON="$(PYTHON)" sh make/install.sh dev
	@$(BIN)/python -m tests.interop

check: ## lint, types, import contracts
	@PYTHON="$(PYTHON)" sh make/install.sh dev
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/mypy bench/spine.py bench/ledger.py make/law.py
	@$(BIN)/lint-imports
	@$(BIN)/python make/law.py api schema resolvers consent_ledger insight migrations seeds

bench: ## print costs as ratios against their floors, in one run
	@PYTHON="$(PYTHON)" sh make/install.sh dev
	@$(BIN)/python -m bench.spine

bench-ledger: ## the same for the ledger: appends, verifying, reading its head
	@PYTHON="$(PYTHON)" sh make/install.sh dev
	@$(BIN)/python -m bench.ledger

lock: ## renew the hash-locked requirements (needs uv)
	uv pip compile pyproject.toml --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header -q -o requirements/runtime.txt
	uv pip compile pyproject.toml --group dev --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header -q -c requirements/runtime.txt -o requirements/dev.txt

clean: ## remove the environment and the sandbox's data
	rm -rf $(VENV) "$(CULTUURINZICHT_DATA_DIR)"
