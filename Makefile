# Set-up, the main job, tests and checks.  Needs Python 3.11 or 3.12 and g++; no root.
#   make deploy    set up, then run the whole loop on the virtual board
#   make test      set up, then all tests
#   make lint      static checks of Python, gateware and firmware

VENV := .venv
BIN := $(VENV)/bin
PYTHONS := python3.11 python3.12 python3 python
PIP := $(BIN)/python -m pip --disable-pip-version-check --no-input
C_FLAGS := -std=c11 -D_GNU_SOURCE -D_FILE_OFFSET_BITS=64 -O2 -Wall -Wextra -Werror
LOCK := pip compile --no-emit-index-url --no-emit-find-links --generate-hashes --no-header
RUN_STAMP := $(VENV)/.set-up-run
DEV_STAMP := $(VENV)/.set-up-dev
TIMING_STAMP := $(VENV)/.set-up-timing
BOARD_STAMPS := $(VENV)/boards/pynq30/.set-up $(VENV)/boards/pynq31/.set-up

# of the caller's: `make test PYTEST_ARGS="tests/report -x"`
PYTEST_ARGS ?=

.PHONY: help setup setup-dev setup-timing setup-boards setup-finn setup-hgq deploy test lint lint-python lint-gateware lint-firmware lock clean distclean
.DELETE_ON_ERROR:

help:
	@sed -n 's/^#   //p' Makefile

setup: $(RUN_STAMP)

setup-dev: $(DEV_STAMP)

# nextpnr, for `ntorc bench timing` alone
setup-timing: $(TIMING_STAMP)

# FINN's environment, for its backend and the tests that need it: 2.3 GB where pip finds torch built for CPUs alone
setup-finn: $(RUN_STAMP)
	$(BIN)/ntorc backend install finn --into $(VENV)/finn

# HGQ2 (LGPL), for `ntorc train --qat hgq` and the tests that need it: under 1 MB
setup-hgq: $(RUN_STAMP)
	$(BIN)/ntorc backend install hgq --into $(VENV)/hgq

# What the boards' images have, for the tests of the agent alone: pynq 3.0 and 3.1
setup-boards: $(BOARD_STAMPS)

# The right Python is tried, not only looked for: a version manager's shim may lead nowhere.
$(BIN)/python:
	@command -v g++ >/dev/null || { \
	  echo "g++ was not found. Install it (Debian and Ubuntu: apt install g++) and run make again." >&2; exit 1; }
	@for name in $(PYTHONS); do \
	  "$$name" -c 'import sys; sys.exit(sys.version_info[:2] not in ((3, 11), (3, 12)))' 2>/dev/null \
	    && found="$$name" && break; \
	done; \
	if [ -z "$$found" ]; then \
	  echo "Python 3.11 or 3.12 was not found (tried: $(PYTHONS))." >&2; \
	  echo "Install one (Debian and Ubuntu: apt install python3.11 python3.11-venv) and run make again." >&2; \
	  exit 1; \
	fi; \
	echo "making $(VENV) with $$found"; \
	"$$found" -m venv $(VENV) || { \
	  rm -rf $(VENV); \
	  echo "That Python cannot make environments. Install its venv module (apt install $$found-venv)." >&2; exit 1; }

# Done once, and again when the pinned set changes.
$(RUN_STAMP): requirements/run.txt pyproject.toml | $(BIN)/python
	$(PIP) install --quiet --require-hashes -r requirements/run.txt
	$(PIP) install --quiet --no-deps --no-build-isolation -e .
	@touch $@

$(DEV_STAMP): requirements/dev.txt $(RUN_STAMP)
	$(PIP) install --quiet --require-hashes -r requirements/dev.txt
	@touch $@

$(TIMING_STAMP): requirements/timing.txt $(RUN_STAMP)
	$(PIP) install --quiet --require-hashes -r requirements/timing.txt
	@touch $@

# On the images' Python 3.10 where this computer has one, which pyenv may hide; else on our own.
# pynq is built from source, by the pinned tools and not by what its build would fetch.
$(VENV)/boards/%/.set-up: requirements/board-%.txt | $(BIN)/python
	@rm -rf $(@D); \
	pyenvs=$$(pyenv root 2>/dev/null)/versions; \
	for python in python3.10 "$$pyenvs"/3.10.*/bin/python3.10 $(BIN)/python; do \
	  "$$python" -c 'import venv, ensurepip' 2>/dev/null && "$$python" -m venv $(@D) && break; \
	done; \
	echo "making $(@D) with $$($(@D)/bin/python --version)"
	@awk '/^(packaging|setuptools|wheel)==/{p=1} p{print} !/\\$$/{p=0}' $< >$(@D)/build.txt
	$(@D)/bin/python -m pip --disable-pip-version-check --no-input install --quiet --require-hashes -r $(@D)/build.txt
	$(@D)/bin/python -m pip --disable-pip-version-check --no-input install --quiet --require-hashes \
	  --no-build-isolation -r $<
	@touch $@

deploy: setup
	$(BIN)/ntorc deploy --board pynq-z2 --deadline 500us

test: setup-dev
	$(BIN)/python -m pytest $(PYTEST_ARGS)

lint: lint-python lint-gateware lint-firmware

lint-python: setup-dev
	$(BIN)/ruff check toolchain board tests
	$(BIN)/mypy

lint-gateware: setup-dev
	$(BIN)/python tests/gateware/lint_gateware.py

# every C compiler that is there, at least one
lint-firmware:
	@checked=; \
	for compiler in gcc clang cc; do \
	  command -v $$compiler >/dev/null || continue; \
	  if [ $$compiler = cc ] && [ -n "$$checked" ]; then continue; fi; \
	  for file in firmware/harness/*.c firmware/virtual/*.c; do \
	    $$compiler $(C_FLAGS) -Ifirmware/harness -Ifirmware/virtual -c $$file -o /dev/null || exit 1; \
	  done; \
	  checked="$$checked $$compiler"; \
	done; \
	if [ -z "$$checked" ]; then echo "no C compiler was found: install gcc or clang" >&2; exit 1; fi; \
	echo "firmware: no warnings from$$checked"

# The development set is held to the pins of the run set, so that what is tested is what is shipped.
lock: | $(BIN)/python
	@mkdir -p build; uv=$$(command -v uv) || { \
	  test -x build/uv/bin/uv || { $(BIN)/python -m venv build/uv && build/uv/bin/pip install --quiet uv; } || exit 1; \
	  uv=build/uv/bin/uv; }; \
	$$uv $(LOCK) --python-version 3.11 --quiet requirements/run.in -o requirements/run.txt && \
	$$uv $(LOCK) --python-version 3.11 --quiet requirements/dev.in -c requirements/run.txt -o requirements/dev.txt && \
	$$uv $(LOCK) --python-version 3.11 --quiet requirements/timing.in -c requirements/run.txt -o requirements/timing.txt && \
	$$uv $(LOCK) --python-version 3.11 --override requirements/finn-overrides.in --quiet requirements/finn.in -o build/finn-all.txt && \
	$(BIN)/python requirements/split_finn.py build/finn-all.txt requirements && \
	$$uv $(LOCK) --no-deps --python-version 3.11 --quiet requirements/hgq.in -c requirements/run.txt -o requirements/hgq.txt && \
	for board in board-pynq30 board-pynq31; do \
	  $$uv $(LOCK) --python-version 3.10 --quiet requirements/$$board.in -o requirements/$$board.txt || exit 1; \
	done

clean:
	rm -rf build dist toolchain/*.egg-info board/*.egg-info *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find toolchain board tests -name __pycache__ -type d -prune -exec rm -rf {} +

distclean: clean
	rm -rf $(VENV)
