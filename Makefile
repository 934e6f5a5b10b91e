# What a person does with a fresh clone. Everything is installed into .venv here, nothing outside.
#
#   PYTHON=python3.12 make test     another Python (3.11 or newer); .venv is made anew for it
#   REFEREE=1 make test             with PyTorch, against which many tests compare; CI=true sets it
#   EPOCHS=20 make mnist            train for longer

PYTHON ?= python3
EPOCHS ?= 10
VENV ?= .venv
ifeq ($(CI),true)
REFEREE ?= 1
endif

BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
# Each stamp carries the version of Python, so that another PYTHON makes another environment.
VERSION := $(shell ("$(PYTHON)" -c 'import platform; print(platform.python_version())') 2>/dev/null)
STAMP := $(VENV)/.stamp-$(VERSION)
OURS := $(VENV)/.made-by-make

.DELETE_ON_ERROR:
.PHONY: help mnist test lint bench clean

help:
	@echo 'make mnist   train 784-25-25-10 on MNIST (it ships with the package), print the accuracy'
	@echo 'make test    run the tests; REFEREE=1 also installs PyTorch to compare with'
	@echo 'make lint    ruff and the type checker'
	@echo 'make bench   time the package beside its peers, as far as they are installed'
	@echo 'make clean   remove what was made here: .venv, build, dist, caches (runs/ is kept)'

mnist: $(STAMP)-core
	$(BIN)/chainrule train mnist --model mlp --hidden 25,25 --epochs $(EPOCHS) \
	    --out "runs/mnist-$$(date +%Y%m%d-%H%M%S)"

test: $(STAMP)-test $(if $(REFEREE),$(STAMP)-referee)
	OPENBLAS_NUM_THREADS=1 $(BIN)/python -m pytest --numprocesses 2 --dist loadfile

lint: $(STAMP)-dev
	$(BIN)/ruff check
	$(BIN)/pyright --pythonpath $(BIN)/python

bench: $(STAMP)-test
	$(BIN)/python benchmarks/import_time.py
	$(BIN)/python benchmarks/training_step.py --workloads W1,W2 --rounds 5

clean:
	@test ! -e $(OURS) || rm -rf $(VENV)
	rm -rf build dist .pytest_cache .ruff_cache .hypothesis
	find src tests benchmarks examples -name __pycache__ -type d -prune -exec rm -rf {} +

$(STAMP)-venv:
	@("$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11))') 2>/dev/null || { \
	    echo 'chainrule needs Python 3.11 or newer, and PYTHON=$(PYTHON) is' \
	        '$(or $(VERSION),no Python). Name another: PYTHON=python3.12 make $(MAKECMDGOALS)'; \
	    exit 1; } >&2
	@test ! -e $(VENV) || test -e $(OURS) || { \
	    echo '$(VENV) was not made by make, and is left as it is.' \
	        'Move it away, or name another place: VENV=.venv-make make $(MAKECMDGOALS)'; \
	    exit 1; } >&2
	@echo 'Making $(VENV) with Python $(VERSION); the packages come from your package index.'
	@rm -rf $(VENV)
	@mkdir $(VENV)
	@touch $(OURS)
	"$(PYTHON)" -m venv $(VENV)
	@touch $@

$(STAMP)-core: $(STAMP)-venv pyproject.toml
	$(PIP) install --editable '.[jit,threads]'
	@touch $@

$(STAMP)-test: $(STAMP)-core
	$(PIP) install --editable '.[test]'
	@touch $@

$(STAMP)-referee: $(STAMP)-test
	$(PIP) install --editable '.[referee]'
	@touch $@

$(STAMP)-dev: $(STAMP)-test
	$(PIP) install --editable '.[dev]'
	@touch $@
