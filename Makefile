# Everything a newcomer or CI needs. `make demo` and `make test` set up whatever is missing first.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
WORKERS ?= 2

.DEFAULT_GOAL := help
.PHONY: help demo test fast lint fix bench clean wheel system

help:  ## show this list
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*##/\t/' | expand -t 12

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip

# Stamps say which extras the environment has; a changed pyproject.toml installs again.
$(VENV)/.demo: pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --editable ".[demo]"
	@touch $@

$(VENV)/.test: pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet build ".[test]"
	@touch $@

$(VENV)/.bench: pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet ".[bench]"
	@touch $@

demo: $(VENV)/.demo  ## run the quickstart notebook twice in fresh kernels and print what hit
	$(BIN)/python tools/demo.py

system:  ## install the browser and the servers that the tests drive
	bash tools/system.sh

wheel: $(VENV)/.test
	rm -rf dist
	$(BIN)/python -m build --wheel --outdir dist . >/dev/null
	$(BIN)/python -m pip install --quiet --force-reinstall --no-deps dist/*.whl

lint: $(VENV)/.test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

test: system wheel lint  ## all checks and the whole suite, against the built wheel
	BEAUTYSPOT_TEST_WHEEL=1 $(BIN)/pytest -n $(WORKERS) --dist loadgroup

fast: wheel  ## the tests without kernels, browsers and servers
	BEAUTYSPOT_TEST_WHEEL=1 $(BIN)/pytest -n $(WORKERS) -m "not kernel and not browser and not server"

fix: $(VENV)/.test  ## format and repair what ruff can repair
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(VENV)/.bench  ## compare with diskcache, joblib and beautyspot 2.4.1; writes docs/benchmarks.md
	$(BIN)/python -m pip install --quiet --force-reinstall --no-deps .
	$(BIN)/python benchmarks/run.py

clean:  ## remove everything that the other targets made
	rm -rf $(VENV) dist build .mypy_cache .ruff_cache .import_linter_cache .hypothesis .bench
