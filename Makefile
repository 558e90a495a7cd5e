# make app: serve the app. make test: run every test. Each sets up all it needs, and costs little when that is already there.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

VENV := .venv
PIP := $(VENV)/bin/python -m pip install --disable-pip-version-check --progress-bar off
APP_READY := $(VENV)/.ready-app
TEST_READY := $(VENV)/.ready-test
# The newest Python from 3.11 on at hand, rather one that can make a virtual environment by itself.
PYTHON ?= $(shell for needs in "ensurepip, venv" sys; do for python in python3.14 python3.13 python3.12 python3.11 python3; do \
	$$python -c "import sys, $$needs; sys.exit(sys.version_info < (3, 11))" 2>/dev/null && { command -v $$python; exit; }; done; done)

ARGS ?=

.PHONY: help app test lint clean

help: ## show this list
	@grep -E '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## /make \1\t/' | expand -t 14
	@echo 'ARGS="..." is passed on: make app ARGS="toy --port 9000", make test ARGS="-k gate"'

app: $(APP_READY) ## serve the app on this machine and open it in a browser
	@exec $(VENV)/bin/alviz app $(ARGS)

test: $(TEST_READY) lint ## run the linters and every test, those in a browser included
	@if command -v chromium chromium-browser google-chrome >/dev/null; then :; \
	elif [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	  echo "== Installing chromium for the browser tests"; \
	  apt-get update -qq; DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium; \
	else echo "== The browser tests need Chromium; as root: apt-get install chromium"; fi
	@if command -v initdb >/dev/null || ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1; then :; \
	elif [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	  echo "== Installing PostgreSQL for the tests of the store"; \
	  apt-get update -qq; DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends postgresql; \
	else echo "== The tests of the store on PostgreSQL need it; as root: apt-get install postgresql"; fi
	@echo "== Tests"
	@exec $(VENV)/bin/python -m pytest --numprocesses logical --maxprocesses 4 --dist loadscope --no-loadscope-reorder $(ARGS)

lint: $(TEST_READY) ## ruff and mypy
	@echo "== ruff, mypy"
	@$(VENV)/bin/ruff check .
	@$(VENV)/bin/ruff format --check .
	@$(VENV)/bin/mypy

clean: ## remove the virtual environment and every cache
	rm -rf $(VENV) build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(VENV)/bin/python:
	@if [ -z "$(PYTHON)" ]; then echo "No Python 3.11 or newer found; on Debian, as root: apt-get install python3 python3-venv" >&2; exit 1; fi
	@if ! $(PYTHON) -c "import ensurepip, venv" 2>/dev/null; then \
	  if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	    echo "== Installing python3-venv"; \
	    apt-get update -qq; DEBIAN_FRONTEND=noninteractive apt-get install -y -qq python3-venv; \
	  else echo "$(PYTHON) cannot make virtual environments; on Debian, as root: apt-get install python3-venv" >&2; exit 1; fi; \
	fi
	@echo "== Making a virtual environment in $(VENV) with $(PYTHON)"
	@$(PYTHON) -m venv $(VENV)

$(APP_READY): pyproject.toml | $(VENV)/bin/python
	@echo "== Installing alviz and what it needs (the first time takes some minutes)"
	@$(PIP) -e .
	@touch $@

$(TEST_READY): pyproject.toml | $(VENV)/bin/python
	@echo "== Installing alviz, what it needs and what its tests need (the first time takes some minutes)"
	@$(PIP) -e '.[test]'
	@touch $@ $(APP_READY)
