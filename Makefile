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
CYTHON  := $(abspath $(PY)) $(abspath tools/cython_strict.py)
# Two `make`s at once may want the same environment: the second waits.
LOCK    := $(if $(shell command -v flock),flock $(VENV).lock,)
SOURCES := meson.build pyproject.toml README.md LICENSE $(wildcard tools/cython_strict.py tools/version.py) \
           $(shell find src -name '*.py' -o -name '*.pyi' -o -name 'py.typed' -o -name '*.pyx' -o -name '*.pxd' -o -name 'meson.build' -o -name '*.h' -o -name '*.hpp')

export PATH := $(abspath $(VENV)/bin):$(PATH)

.DEFAULT_GOAL := help
.PHONY: help build demo test pyzmq-suite check docs bench asan tsan surface lists clean \
        check-lint check-format check-types check-cython check-rules
.DELETE_ON_ERROR:

help:  ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-11s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

build: $(VENV)/.installed  ## compile, and install into $(VENV)

demo: build  ## the guided tour
	$(PY) -m examples.demo $(ARGS)

test: build  ## the tests, without the slow ones
	$(PY) -m pytest -q $(TESTS) -m "not slow" $(ARGS)

pyzmq-suite: build $(VENV)/.compat  ## pyzmq's own tests against PeroMQ
	$(PY) -m tools.pyzmq_suite $(ARGS)

check: check-lint check-format check-types check-cython check-rules  ## linters, types and the source rules (-k: all of them)

check-lint check-format check-types check-cython: $(VENV)/.check
check-lint:
	$(VENV)/bin/ruff check .
check-format:
	$(VENV)/bin/ruff format --check .
check-types:
	$(VENV)/bin/mypy --strict src
check-cython:
	$(VENV)/bin/cython-lint src
check-rules: build
	$(PY) -m pytest -q -rP tests/test_import_law.py tests/test_source_rules.py tests/test_meson_lists.py

docs: build $(VENV)/.docs  ## the documentation, in build/site
	NO_MKDOCS_2_WARNING=1 $(VENV)/bin/mkdocs build --strict --quiet

bench: build $(VENV)/.bench  ## the benchmarks
	$(PY) -m bench $(ARGS)

# --- sanitizers: a build and an install directory each; PYTHONPATH puts the latter before $(VENV)'s peromq.
# The runtime must be in the process before Python is, hence LD_PRELOAD; libstdc++ goes along, because Python does
# not link it and the runtimes look for __cxa_throw when they start. --capture=sys: the reports go to descriptor 2. PYTHONMALLOC=malloc: pymalloc would hide
# overruns inside its arenas. No leak check: CPython keeps objects until the process ends, all would be reported.
SANITIZED  ?= $(wildcard tests/_core tests/contracts tests/test_monitor_v2.py tests/test_request.py tests/test_waits.py)
runtime     = $(shell $(or $(CXX),c++) -print-file-name=$(1))
# libtsan wants its address ranges free, which strong address randomization does not promise. Some containers forbid
# to switch it off; then we try without.
NO_ASLR    := $(shell setarch -R true 2>/dev/null && echo setarch -R)
SAN_PYTEST  = PYTHONMALLOC=malloc PYTHONPATH=$(abspath $(BUILD)-$@/site) $(PY) -X faulthandler -m pytest -q -p no:cacheprovider --capture=sys \
              --timeout=300 -o faulthandler_timeout=240 $(SANITIZED) -m "not no_sanitizer" $(ARGS)

asan: $(BUILD)-asan/.installed  ## the data plane's tests under AddressSanitizer and UBSan
	LD_PRELOAD="$(call runtime,libasan.so) $(call runtime,libubsan.so) $(call runtime,libstdc++.so)" \
	    ASAN_OPTIONS=detect_leaks=0 UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1 $(SAN_PYTEST)

tsan: $(BUILD)-tsan/.installed  ## the data plane's tests under ThreadSanitizer
	LD_PRELOAD="$(call runtime,libtsan.so) $(call runtime,libstdc++.so)" \
	    TSAN_OPTIONS=suppressions=tools/tsan.supp:history_size=4:second_deadlock_stack=1 $(NO_ASLR) env $(SAN_PYTEST)

$(BUILD)-asan/.installed: SANITIZERS = address,undefined
$(BUILD)-tsan/.installed: SANITIZERS = thread
$(BUILD)-%/.installed: $(VENV)/.tools $(SOURCES)
	@mkdir -p $(@D)
	CYTHON="$(CYTHON)" $(LOCK) $(PIP) install --no-build-isolation --no-deps --upgrade --target=$(@D)/site \
	    -Cbuild-dir=$(@D)/meson -Csetup-args=-Db_sanitize=$(SANITIZERS) -Csetup-args=-Dbuildtype=debugoptimized .
	@touch $@

surface: build  ## write docs/surface.md from the option table and tools/surface_data
	$(PY) tools/surface.py

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

$(VENV)/.docs: $(VENV)/.tools
	$(LOCK) $(PIP) install --group docs
	@touch $@

$(VENV)/.bench: $(VENV)/.tools
	$(LOCK) $(PIP) install --group bench
	@touch $@

$(VENV)/.compat: $(VENV)/.tools
	$(LOCK) $(PIP) install --group compat
	@touch $@

# A plain install, not an editable one: an editable meson-python package rebuilds itself on import, without a lock.
# Of six processes that imported it at once after a change, one or two found a half-written extension module.
$(VENV)/.installed: $(VENV)/.tools $(SOURCES)
	CYTHON="$(CYTHON)" $(LOCK) $(PIP) install --no-build-isolation --no-deps --force-reinstall -Cbuild-dir=$(BUILD) .
	@touch $@
