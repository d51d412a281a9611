# SEGLAM from a fresh clone: `make demo`, `make test`. Needs Python 3.11 or later with venv, make and a C compiler.

PYTHON ?= python3
UV     ?= uv
VENV   := .venv
BIN    := $(VENV)/bin
PEERS  := .venv-peers
ARGS   ?=

# Tests run in as many processes as there are cores; `make test JOBS=0` runs them in one.
JOBS   ?= auto

PYTEST := --numprocesses $(JOBS) --dist worksteal
# Tests of the packages whose coverage is counted. Tracing doubles their time, so the others run without.
MEASURED := $(foreach package,procedures lookup sandbox compiler,tests/unit/$(package)) \
	$(wildcard tests/integration/test_sandbox*.py tests/integration/test_runner*.py tests/integration/test_compil*.py) \
	tests/integration/test_service.py

LOCKS        := requirements/build.lock.txt requirements/dev.lock.txt
DEPENDENCIES := $(VENV)/.dependencies
PROJECT      := $(VENV)/.project
CHECKED      := $(wildcard runtime operator registry tests examples benchmarks)
PIP          := $(BIN)/python -m pip --disable-pip-version-check --no-input

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help venv peers engine demo demo-cluster demo-packs test test-cluster unit lint format bench crds lock clean

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

venv: $(PROJECT) ## Make .venv with the locked dependencies and this project

engine: $(PROJECT) ## Build the sandbox engines where the cache holds none
	$(BIN)/python -m seglam.sandbox.build $(if $(filter engine,$(MAKECMDGOALS)),$(ARGS))

demo: $(PROJECT) engine ## Serve a stream of requests and print the curve; ARGS passes options on
	$(BIN)/python examples/demo/run.py $(ARGS)

test: lint engine ## Check everything: lint, all tests, branch coverage
	$(BIN)/python -m pytest $(PYTEST) --cov --cov-report term $(MEASURED) $(ARGS)
	$(BIN)/python -m pytest $(PYTEST) $(MEASURED:%=--ignore=%) $(ARGS)

test-cluster: $(PROJECT) engine ## Run the tests on a cluster: one that is given, kind, or a real node made from Go modules
	$(BIN)/python -m pytest tests/cluster --timeout 900 --numprocesses 2 -p no:cacheprovider $(ARGS)

unit: $(PROJECT) ## Run the unit tests alone, without coverage
	$(BIN)/python -m pytest tests/unit $(ARGS)

lint: $(PROJECT) ## Check style, types and the direction of imports
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy $(CHECKED)
	$(BIN)/lint-imports

format: $(PROJECT) ## Put the code into the format that lint expects
	$(BIN)/ruff check --fix-only .
	$(BIN)/ruff format .

peers: $(PEERS)/.dependencies ## Make .venv-peers with the caches that benchmarks compare with

bench: $(PROJECT) engine peers ## Measure lookup, sandbox and whole hits against their baselines
	$(BIN)/python -m benchmarks $(ARGS)

crds: $(PROJECT) ## Generate crds/ and the chart's copy of them from the models
	$(BIN)/python -m seglam.resources.crds
	cp crds/*.yaml charts/seglam/files/crds/

demo-cluster: $(PROJECT) ## Install the chart on a cluster, approve a procedure, ask it; ARGS passes options on
	$(BIN)/python examples/cluster/demo.py $(ARGS)

demo-packs: $(PROJECT) engine ## Publish a pack, carry it to another organisation, import and audit it there; ARGS passes options on
	$(BIN)/python examples/packs/demo.py $(ARGS)

lock: ## Renew requirements/*.lock.txt (needs uv); UPGRADE=1 takes newer versions
	@command -v $(UV) >/dev/null || { echo "make lock: '$(UV)' not found; install uv or set UV=/path/to/uv" >&2; exit 1; }
	$(UV) pip compile requirements/build.in $(COMPILE) --output-file requirements/build.lock.txt
	$(UV) pip compile pyproject.toml --extra dev $(COMPILE) --output-file requirements/dev.lock.txt
	@# What the images install is a part of what the tests run with, at the same versions.
	$(UV) pip compile pyproject.toml --extra platform $(COMPILE) --constraints requirements/dev.lock.txt --output-file requirements/platform.lock.txt
	$(UV) pip compile pyproject.toml --extra engine $(COMPILE) --constraints requirements/dev.lock.txt --output-file requirements/engine.lock.txt
	$(UV) pip compile requirements/runner.in $(COMPILE) --constraints requirements/dev.lock.txt --output-file requirements/runner.lock.txt
	$(UV) pip compile requirements/clients.in $(COMPILE) --output-file requirements/clients.lock.txt
	$(UV) pip compile requirements/peers.in --override requirements/peers.overrides $(COMPILE) --output-file requirements/peers.lock.txt

# No addresses in the lists: each machine asks the index that it is configured for, and the hashes decide what it accepts.
COMPILE := --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links \
	--custom-compile-command 'make lock' $(if $(UPGRADE),--upgrade)

clean: ## Remove .venv, caches and build products; engines stay in their cache
	rm -rf $(VENV) $(PEERS) build dist htmlcov .coverage .coverage.* .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# The build tools come first, from a list of their own, so that what is published only as source
# is built with them (--no-build-isolation) and nothing is installed that no hash names.
$(DEPENDENCIES): $(LOCKS)
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "$(PYTHON) is older than Python 3.11; set PYTHON=/path/to/python3.11" >&2; exit 1; }
	@echo "Installing the locked dependencies into $(VENV); the first time takes a minute or two"
	$(PYTHON) -m venv --clear $(VENV)
	$(PIP) install --quiet --require-hashes -r requirements/build.lock.txt
	$(PIP) install --quiet --require-hashes --no-build-isolation -r requirements/dev.lock.txt
	@touch $@

# --no-deps: the list is complete; a package in it asks for libraries that are not needed.
$(PEERS)/.dependencies: requirements/peers.lock.txt
	$(PYTHON) -m venv --clear $(PEERS)
	$(PEERS)/bin/python -m pip --disable-pip-version-check --no-input install --quiet --require-hashes --no-deps -r $<
	@touch $@

$(PROJECT): $(DEPENDENCIES) pyproject.toml
	$(PIP) install --quiet --no-deps --no-build-isolation --editable .
	$(PIP) check
	@touch $@
