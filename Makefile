# `make help` lists what there is. The work is done by scripts/ and by the `sluice` command.
.DEFAULT_GOAL := help
.PHONY: help setup up down test check format lock soak test-azure clean \
        check-format check-lint check-types check-imports check-unit check-wheel

PYTHON ?= python3
BIN := .venv/bin
STACK ?= dev
CODE := src infra tests scripts $(wildcard bench examples)
# One report after the other, where this make can (macOS brings 3.81, which can't).
SYNC := $(if $(filter output-sync,$(.FEATURES)),--output-sync=target)
PARALLEL := $(MAKE) --no-print-directory --jobs=2 --keep-going $(SYNC)
STATIC := check-types check-format check-lint check-imports

help: ## List these targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: ## Make .venv/bin/sluice ready, with the Pulumi engine
	@for python in $(PYTHON) python3.14 python3.13 python3.12 python3.11; do \
	  $$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && exec $$python scripts/setup.py; \
	done; \
	echo "setup: Sluice needs Python 3.11 or newer; $(PYTHON) is $$($(PYTHON) --version 2>&1), and no newer one is"; \
	echo "  on PATH. Install one, or say where it is: make setup PYTHON=/path/to/python3"; exit 1

up: setup ## Deploy the example to this machine and ask it a question
	@$(BIN)/sluice up --stack $(STACK) --yes
	@$(BIN)/sluice invoke --stack $(STACK) --request-file examples/question-answering/sample-request.json
	@printf '\nTry next:\n'; printf '  %-42s %s\n' \
	  '$(BIN)/sluice status --stack $(STACK)' 'what runs, where, and its traffic' \
	  '$(BIN)/sluice --help' 'everything else' \
	  'make down' 'take it all down again'

down: setup ## Take down what `make up` deployed
	@$(BIN)/sluice down --stack $(STACK) --yes

test: setup ## Everything: the gate, all tests with real processes and engine, the wheel
	@$(PARALLEL) $(STATIC)
	@$(BIN)/pytest -n 2 tests/unit
	@$(BIN)/pytest tests --ignore=tests/unit
	@$(PARALLEL) check-wheel

check: setup ## The quick gate: format, lint, types, import laws, unit tests
	@$(PARALLEL) $(STATIC) check-unit

format: setup ## Format the code and mend what can be mended
	@$(BIN)/ruff format $(CODE)
	@$(BIN)/ruff check --fix $(CODE)

lock: setup ## Lock requirements/*.in again, with hashes
	@$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate \
	  requirements/runtime.in --output-file requirements/runtime.txt
	@$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate \
	  requirements/dev.in --output-file requirements/dev.txt

soak: setup ## For long: traffic changes and kills under load lose no request; no damaged file crashes validation
	@$(BIN)/python bench/switches.py --replicas light --switches 200 --requests 200000
	@$(BIN)/python bench/switches.py --replicas flow --switches 20 --requests 20000
	@$(BIN)/python tests/soak/rollout_kills.py --rounds 2
	@$(BIN)/python tests/fuzz/soak.py --seconds 1800

test-azure: setup ## On a real Azure, in the workspace that SLUICE_AZURE_* name: it costs money and takes an hour
	@$(BIN)/pytest -p no:xdist tests/azure/live

clean: ## Remove what tools left behind; keeps .venv and what stacks have deployed
	@rm -rf dist build .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
	@find src infra tests scripts -name __pycache__ -type d -prune -exec rm -rf {} +

check-format:
	@$(BIN)/ruff format --check --quiet $(CODE) || { echo 'run: make format'; exit 1; }

check-lint:
	@$(BIN)/ruff check --quiet $(CODE)

check-types:
	@$(BIN)/mypy --no-error-summary

check-imports:
	@said=$$($(BIN)/lint-imports --no-logo 2>&1) || { echo "$$said"; exit 1; }

check-unit:
	@$(BIN)/pytest --quiet --numprocesses 2 tests/unit -m "not slow"

check-wheel:
	@$(BIN)/python scripts/check_wheel.py
