# `make help` lists the targets. Everything happens in $(VENV) and build/; nothing else on the machine is touched.
#
#   PYTHON=python3.13   the interpreter to make $(VENV) with
#   VENV=.venv-3.13     another environment: it gets a build directory of its own
#   TESTS=tests/zmtp    what to test; ARGS=-x  more arguments for pytest, the demo or the benchmark

PYTHON ?= python3
VENV   ?= .venv
BUILD  ?= build/$(patsubst .%,%,$(notdir $(VENV)))
TESTS  ?= tests
ARGS   ?=

PY      := $(VENV)/bin/python
PIP     := $(PY) -m pip --disable-pip-version-check --quiet
# Two `make`s at once may want the same environment: the second waits.
LOCK    := $(if $(shell command -v flock),flock $(VENV).lock,)
SOURCES := meson.build pyproject.toml README.md LICENSE $(wildcard tools/cython_strict.py tools/version.py) \
           $(shell find src -name '*.py' -o -name '*.pyi' -o -name 'py.typed' -o -name '*.pyx' -o -name '*.pxd' -o -name 'meson.build' -o -name '*.h' -o -name '*.hpp')

export PATH := $(abspath $(VENV)/bin):$(PATH)

.DEFAULT_GOAL := help
.PHONY: help build demo test check bench clean lists
.DELETE_ON_ERROR:

help:  ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

build: $(VENV)/.installed  ## compile, and install into $(VENV)

demo: build  ## the guided tour
	$(PY) -m examples.demo $(ARGS)

test: build  ## the tests, without the slow ones
	$(PY) -m pytest -q $(TESTS) -m "not slow" $(ARGS)

check: build $(VENV)/.check  ## linters, types and the source rules
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy --strict src
	find src -name '*.pyx' -o -name '*.pxd' | xargs --no-run-if-empty $(VENV)/bin/cython-lint
	$(PY) -m pytest -q tests/test_import_law.py tests/test_source_rules.py tests/test_meson_lists.py

bench: build  ## the benchmarks
	$(PY) -m bench $(ARGS)

lists:  ## write the file lists in src/peromq/**/meson.build from the tree
	$(PYTHON) tools/meson_lists.py --write

clean:  ## remove what was built, the environments included
	rm -rf build dist .venv* .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(VENV)/.created:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	    { echo "PeroMQ needs Python 3.11 or newer: make PYTHON=/path/to/python3.11 ..."; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(PIP) install --upgrade 'pip>=25.1'
	@touch $@

# The groups of pyproject.toml; a change of another line there costs a second.
$(VENV)/.tools: $(VENV)/.created pyproject.toml
	$(LOCK) $(PIP) install --group build --group test
	@touch $@

$(VENV)/.check: $(VENV)/.tools
	$(LOCK) $(PIP) install --group check
	@touch $@

# A plain install, not an editable one: an editable meson-python package rebuilds itself on import, and processes
# that are started together (our tests do that) would then run ninja in the same directory at the same time.
$(VENV)/.installed: $(VENV)/.tools $(SOURCES)
	CYTHON="$(abspath $(PY)) $(abspath tools/cython_strict.py)" \
	    $(LOCK) $(PIP) install --no-build-isolation --no-deps --force-reinstall -Cbuild-dir=$(BUILD) .
	@touch $@
