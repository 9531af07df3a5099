# SPDX-License-Identifier: Apache-2.0
# Slow artefacts live in NETOP_CACHE, outside the tree, and are made when they are absent.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

export NETOP_CACHE ?= $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/netop
export PYTHONDONTWRITEBYTECODE := 1

VENV := $(NETOP_CACHE)/venv-$(shell cat tests/requirements.txt | sha256sum | cut -c1-12)
BIN := $(VENV)/bin
# The lab needs nothing but the Python of the host.
LAB := python3 -m tests.lab

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
	@$(BIN)/pytest -q -n auto tests/unit

.PHONY: python
python:
	@command -v python3 >/dev/null || { echo "==> installing python3"; \
	  apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq python3 >/dev/null; }

.PHONY: shellcheck
shellcheck: python ## Check the scripts
	@$(LAB) prepare
	@git ls-files -z -- '*.sh' .ci/run tests/lab/fabric/tree/usr/local/sbin | xargs -0 shellcheck

.PHONY: deb
deb: python ## Build dist/netop_<version>_all.deb in a Debian 13 of its own
	@$(LAB) deb

.PHONY: lintian
lintian: python ## Build the package and have lintian look at it
	@$(LAB) lintian

.PHONY: demo
demo: python ## A node in a fabric: from resources to traffic (SOURCE=kubernetes for a real API server)
	@$(LAB) demo $(if $(filter kubernetes,$(SOURCE)),--kubernetes)

.PHONY: login
login: python ## A shell on the demo's node
	@$(LAB) login

.PHONY: demo-down
demo-down: python ## Take the demo's node down
	@$(LAB) down

# In the order of their patience: what fails fast fails first.
.PHONY: test
test: check shellcheck lintian ## All tests: the above, real FRR and units, a real API server, a node in its fabric
	@$(LAB) shell --container -- sh -c 'cd /src && python3 -m pytest -q -p no:cacheprovider tests/unit tests/netlink tests/packet'
	@# Two files at a time: they mostly wait. The machine wants both processors.
	@$(BIN)/pytest -q -n 2 --dist loadfile --durations=10 tests/container tests/apiserver
	@$(BIN)/pytest -q --durations=20 tests/vm/test_pipeline.py tests/vm/test_rubbish.py \
	  tests/vm/test_dataplane.py tests/vm/test_dataplane_repair.py tests/vm/test_drift.py tests/vm/test_renewal.py \
	  tests/vm/test_soak_kills.py tests/vm/test_cleanup.py tests/vm/test_z_reboot.py

.PHONY: dataplane
dataplane: $(VENV)/.ready ## Traffic across the fabric, and the packets that each repair costs, counted
	@$(BIN)/pytest -q -s tests/vm/test_dataplane.py tests/vm/test_dataplane_repair.py tests/vm/test_dataplane_veth.py

# FRR 10.3 itself dies of some of this; what it costs is counted and printed.
.PHONY: soak
soak: export NETOP_TEST_FAULT_STRIDE ?= 1
soak: export NETOP_TEST_KILLS ?= 300
soak: $(VENV)/.ready ## Hours of faults: every operation fails, hundreds of kills and broken links under traffic
	@$(BIN)/pytest -q tests/unit/faults
	@$(BIN)/pytest -q -s tests/vm/test_soak_kills.py tests/vm/test_links.py

.PHONY: bench
bench: python ## Measure, and write docs/benchmarks.md (ONLY=row,row CHURN=seconds)
	@python3 -m tests.bench $(if $(ONLY),--only $(ONLY)) $(if $(CHURN),--churn $(CHURN))

.PHONY: format
format: $(VENV)/.ready ## Put the source into its usual form
	@$(BIN)/ruff check --quiet --fix . ; $(BIN)/ruff format .
