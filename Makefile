# One command per task; CONTRIBUTING.md says when to use which.
SHELL := /bin/bash
.DEFAULT_GOAL := help
PYTHON ?= python3
VENV := .venv
RUN := $(VENV)/bin/python
# Most of a test's time is waiting for something real: two at a time.
WORKERS := -n 2 --dist worksteal
COMPILE := $(VENV)/bin/uv pip compile --quiet --upgrade --generate-hashes --no-header \
	--no-annotate --python-version 3.11

.PHONY: help up start down status logs env tools test test-unit test-policy test-engine test-e2e \
	test-full lint generate requirements clean

help:  ## Show this list
	@grep -hE '^[a-z][a-z0-9-]*:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

up: $(VENV)/.product  ## Release examples/valid and manifests to a local platform, and verify it
ifeq ($(PLATFORM),existing)
	@$(VENV)/bin/mlifecycle up --stack dev
else
	@$(RUN) -m devcluster up
endif

start: $(VENV)/.product  ## Start the local platform only
	@$(RUN) -m devcluster start

down: $(VENV)/.product  ## End the local platform and remove its state
	@$(RUN) -m devcluster down

status: $(VENV)/.product  ## Show the platform's parts and their health
	@$(RUN) -m devcluster status

logs: export PART := $(PART)
logs: $(VENV)/.product  ## Show a part's log: make logs PART=kubelet
	@$(RUN) -m devcluster logs -- "$$PART"

env: $(VENV)/.product  ## Print what a shell needs to use the platform (CONTRIBUTING.md)
	@$(RUN) -m devcluster env

tools:  ## Find or build the tools, and nothing else
	@$(PYTHON) -m devcluster.toolchain

test: lint $(VENV)/.tests  ## Lint, types, import layers and every test but the exhaustive ones
	@$(RUN) -m pytest $(WORKERS) tests

test-unit: $(VENV)/.tests  ## The tests that need nothing but Python and Go
	@$(RUN) -m pytest tests/unit

test-policy: $(VENV)/.tests  ## The rules' tests
	@$(RUN) -m pytest tests/policy

test-engine: $(VENV)/.tests  ## Real Pulumi, real API server
	@$(RUN) -m pytest tests/engine

test-e2e: $(VENV)/.tests  ## Real node, real traffic
	@$(RUN) -m pytest tests/e2e

test-full: lint $(VENV)/.tests  ## Every test, the exhaustive ones too
	@$(RUN) -m pytest $(WORKERS) tests -m "full or not full"

lint: $(VENV)/.tests  ## Format, lint, types and import layers
	@$(VENV)/bin/ruff format --check --quiet .
	@$(VENV)/bin/ruff check --quiet .
	@MYPYPATH=inference $(VENV)/bin/mypy --no-error-summary
	@shown=$$($(VENV)/bin/lint-imports --no-cache 2>&1) || { echo "$$shown"; exit 1; }

generate: $(VENV)/.product  ## Write the documents that are derived from the code
	@$(RUN) -m mlifecycle.generate

requirements: $(VENV)/.product  ## Pin every requirements.txt anew from its .in file
	@$(COMPILE) requirements.in --output-file requirements.txt
	@$(COMPILE) tests/requirements.in --output-file tests/requirements.txt
	@$(COMPILE) devcluster/platform/mlflow/requirements.in --output-file devcluster/platform/mlflow/requirements.txt
	@$(COMPILE) tests/clients/requirements.in --output-file tests/clients/requirements.txt
	@for file in inference/app/runtimes/*/requirements.in; do \
		$(COMPILE) $$file --output-file $${file%.in}.txt \
			--python-platform x86_64-manylinux_2_28 --only-binary :all: || exit 1; \
	done

clean:  ## Remove what was made in the checkout; caches elsewhere and the platform stay
	rm -rf $(VENV) .mlifecycle

# A virtual environment whose install was interrupted has no stamp and is made anew.
$(VENV)/.product: requirements.txt pyproject.toml
	@echo "making $(VENV)" >&2
	@$(PYTHON) -c 'import sys; v = sys.version_info[:2]; v == (3, 11) or sys.exit("error: Python 3.11 is needed, this is %d.%d: set PYTHON=python3.11" % v)'
	@$(PYTHON) -m venv --clear $(VENV)
	@$(RUN) -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.txt
	@$(RUN) -m pip install --quiet --disable-pip-version-check --no-build-isolation --no-deps --editable .
	@touch $@

$(VENV)/.tests: $(VENV)/.product tests/requirements.txt
	@$(RUN) -m pip install --quiet --disable-pip-version-check --require-hashes -r tests/requirements.txt
	@touch $@
