# Everything a newcomer types. `make demo` and `make test` do all their own set-up.
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
CITY ?= ./city
SCALE ?= 0.002
WORKERS ?= 3
# Half of a quick test's time goes by waiting for the disk; where there is memory to spare (8 GB of 12) its files stay in it.
MEMORY := $(shell [ "$$(df --output=avail /dev/shm 2>/dev/null | tail -n 1)" -gt 8000000 ] 2>/dev/null && \
  [ "$$(awk '/^MemAvailable/ {print $$2}' /proc/meminfo)" -gt 12000000 ] && echo /dev/shm)

.DEFAULT_GOAL := check
.PHONY: help check setup setup-dev demo test test-slow lint bench lock schema clean

help:  ## what can be made
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

check: test  ## what `make` alone does: everything that must be green

setup:  ## the virtual environment of the product
	@tools/setup.sh product

setup-dev:  ## the same with what tests need, system packages included when root
	@tools/setup.sh tests

demo: setup  ## the whole journey of the sample city, then the portal (make demo CITY=./city SCALE=0.002)
	@$(BIN)/jutong demo $(CITY) --scale $(SCALE)

lint: setup-dev  ## format, ruff, mypy strict, import contracts
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-cache

test: lint  ## lint, then every test but the slow ones
	@PYTEST_DEBUG_TEMPROOT=$(MEMORY) $(BIN)/python -m pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder --junitxml=build/tests.xml $(ARGS)

test-slow: setup-dev  ## the heavy harnesses
	@$(BIN)/python -m pytest -m slow --junitxml=build/tests-slow.xml $(ARGS)

bench: setup-dev  ## all benches; writes docs/benchmarks.md
	@$(BIN)/python -m bench all

lock:  ## pin every dependency with its hashes
	@$(BIN)/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header \
	  pyproject.toml requirements-build.in -o requirements.lock
	@$(BIN)/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header \
	  pyproject.toml requirements-dev.in -o requirements-dev.lock

schema:  ## write the control database's schema file from the migrations
	@$(BIN)/python -m jutong.database.schema

clean:  ## forget the environment and build files, never a city
	@rm -rf $(VENV) build .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
