# Python and make are all these commands need: the first one makes a virtual environment.

PYTHON ?= python3
VENV ?= .venv

# A stamp instead of the folder: an interrupted installation is done again.
INSTALLED := $(VENV)/.installed
RUN := $(VENV)/bin/python

.DEFAULT_GOAL := help
.PHONY: help demo test zoo browser lint bench

help:
	@echo "make demo    train a ResNet-18 on handwritten digits and look at its architecture record"
	@echo "make test    run the tests"
	@echo "make zoo     train every model of the zoo with us and without (several minutes)"
	@echo "make browser look at the page and at TensorBoard in Chromium, which must be installed"
	@echo "make lint    run ruff and mypy"
	@echo "make bench   measure how long the first step is held up, what watching costs in time and memory,"
	@echo "             what pictures cost, comparing, and an archive of 10,000 records (half an hour)"

$(INSTALLED): pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(RUN) -m pip install --quiet --editable '.[dev]'
	@touch $@

demo: $(INSTALLED)
	$(RUN) examples/lightning_resnet18.py

test: $(INSTALLED)
	$(RUN) -m pytest -q

# The expression takes back pyproject's.
zoo: $(INSTALLED)
	$(RUN) -m pytest -q -m "" tests/zoo

browser: $(INSTALLED)
	$(RUN) -m pytest -q -m browser

lint: $(INSTALLED)
	$(RUN) -m ruff check .
	$(RUN) -m ruff format --check .
	$(RUN) -m mypy

bench: $(INSTALLED)
	$(RUN) benchmarks/stall.py --check
	$(RUN) benchmarks/watch.py --check
	$(RUN) benchmarks/memory.py --check
	$(RUN) benchmarks/draw.py --check --only resnet
	$(RUN) benchmarks/diff.py --check
	$(RUN) benchmarks/archive.py --check
