# Every target sets up what it needs: Python 3.11+ with pip and venv, and make, are enough.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
MLFLOW := .venv-mlflow
STAMP := $(VENV)/.installed
ARGS ?=

# Where nothing compiled is kept, each process that a test or the demo starts compiles all of the code.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help setup mlflow demo up test check bench docs lock format clean

help:  ## List the targets.
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 10

setup: $(STAMP)  ## Make .venv from the locked packages, with the command wellkept in it.

$(STAMP): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Python 3.11 or newer is needed; name one: make PYTHON=python3.12" >&2; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "installing the locked packages into $(VENV) (once; a minute or two)" >&2
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $(STAMP)

mlflow: $(MLFLOW)/.installed  ## Make .venv-mlflow, the environment of the MLflow extra.

$(MLFLOW)/.installed: requirements-mlflow.lock
	@test -x $(MLFLOW)/bin/python || $(PYTHON) -m venv $(MLFLOW)
	@echo "installing the locked packages into $(MLFLOW) (once; a minute)" >&2
	@$(MLFLOW)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-mlflow.lock
	@touch $@

demo: setup  ## See both loops at work on real processes (under 5 minutes).
	@$(BIN)/wellkept demo $(ARGS)

up: setup  ## Start the platform on this machine.
	@$(BIN)/wellkept up $(ARGS)

test: setup  ## Run the tests.
	@$(BIN)/python -m pytest -n 3 --dist loadfile --no-loadscope-reorder $(ARGS)

check: setup  ## Lint, types, layers, size budget, docs.
	@$(BIN)/ruff format --check --quiet .
	@$(BIN)/ruff check --quiet .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/python tools/size_budget.py
	@$(BIN)/python tools/docs.py --check

bench: setup  ## Run one benchmark: make bench NAME=ingest.
	@test -f "bench/$(NAME).py" || { echo "name one of: $$(ls bench | sed -n 's/\.py$$//p' | tr '\n' ' ')"; exit 2; }
	@$(BIN)/python -m bench.$(NAME) $(ARGS)

docs: setup  ## Write the generated parts of the docs anew.
	@$(BIN)/python tools/docs.py

lock: setup  ## Pin the newest versions that fit pyproject.toml.
	@$(BIN)/python -m tools.lock
	@$(BIN)/python -m tools.lock_mlflow

format: setup  ## Format the code.
	@$(BIN)/ruff format --quiet . && $(BIN)/ruff check --quiet --fix .

clean:  ## Remove what the targets made.
	@rm -rf $(VENV) $(MLFLOW) .wellkept .mypy_cache .ruff_cache .pytest_cache .hypothesis
