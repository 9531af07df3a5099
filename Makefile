# SPDX-License-Identifier: Apache-2.0
# Slow artefacts live in NETOP_CACHE, outside the tree, and are made when they are absent.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

export NETOP_CACHE ?= $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/netop
export PYTHONDONTWRITEBYTECODE := 1

VENV := $(NETOP_CACHE)/venv-$(shell cat tests/requirements.txt | sha256sum | cut -c1-12)
BIN := $(VENV)/bin

.PHONY: help
help: ## What there is to make
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

$(VENV)/.ready: tests/requirements.txt
	@echo "==> making the Python environment for tests (once)"
	@python3 -c 'import ensurepip, venv' 2>/dev/null || { \
	  [ "$$(id -u)" = 0 ] || { echo "python3-venv is missing: apt install python3-venv" >&2; exit 1; }; \
	  apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq python3-venv >/dev/null; }
	@rm -rf $(VENV) && mkdir -p $(dir $(VENV))
	@python3 -m venv $(VENV)
	@$(BIN)/pip install --quiet --disable-pip-version-check -r tests/requirements.txt
	@touch $@

.PHONY: check
check: lint types unit ## The fast part of the tests: seconds, no root

.PHONY: lint
lint: $(VENV)/.ready
	@$(BIN)/ruff check --quiet .
	@$(BIN)/ruff format --quiet --check .

.PHONY: types
types: $(VENV)/.ready
	@$(BIN)/mypy --no-error-summary

.PHONY: unit
unit: $(VENV)/.ready
	@$(BIN)/pytest -q tests/unit

.PHONY: format
format: $(VENV)/.ready ## Put the source into its usual form
	@$(BIN)/ruff check --quiet --fix . ; $(BIN)/ruff format .
