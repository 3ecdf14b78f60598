# make demo and make test set up all they need; the rest is for those who work on Towtank.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.PHONY: help demo test test-all lint bench experiments validate clean

help:
	@echo "make demo    the main job on an embedded workload, with figures (in demo/)"
	@echo "make test    the tests"
	@echo "make lint    linter, formatter and types"
	@echo "make validate  the tank against Docker hosts of a testbed, as root (half an hour), into results/validation"
	@echo "make bench   speed, as ratios to a bare SimPy loop"
	@echo "make experiments   all studies at the small scale, into results/experiments (about a quarter of an hour)"
	@echo "make clean   takes away what the others made"

$(READY): pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Towtank needs Python 3.11 or newer; say which: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --editable '.[dev]'
	@touch $@

demo: $(READY)
	@rm -rf demo
	$(BIN)/towtank run --until 1h --schedulers batch=4,service=2 --t-job batch=0.1,service=5 --out demo

# Docker hosts are measured while they run: beside them nothing else may. Files are dealt out whole, as their tests share
# what takes long to make.
BESIDE := --numprocesses logical --dist loadfile

test: $(READY)
	$(BIN)/python -m pytest $(BESIDE) -m "not slow and not docker"
	$(BIN)/python -m pytest -m "not slow and docker"

test-all: $(READY)
	$(BIN)/python -m pytest $(BESIDE) -m "not docker"
	$(BIN)/python -m pytest -m docker

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: $(READY)
	$(BIN)/python -m tests.benchmarks.ratios
	$(BIN)/python -m pytest -o addopts= tests/benchmarks --benchmark-only --benchmark-columns=min,median,ops --benchmark-sort=name

experiments: $(READY)
	$(BIN)/towtank experiment run omega busy_cell godel google_week parsync compaction \
		cpu_io_spreading fair_share noisy_neighbour docker_interference stale_metrics estimate_error

# Two hosts for how long things take, three for who gets in whose way; TRACE is another workload for the two.
SEA := results/validation
validate: $(READY)
	@mkdir -p $(SEA)
	@trap '$(BIN)/towtank testbed down --name validate' EXIT; set -e; \
	$(BIN)/towtank testbed up 2 --name validate --subnet 96 --cpus 0.8 --slow-disk 10:500 --inventory $(SEA)/two.toml; \
	$(BIN)/towtank hosts calibrate $(SEA)/two.toml --yes --out $(SEA)/two-measured.toml; \
	$(BIN)/towtank validate --on docker:$(SEA)/two-measured.toml --yes --trace generated:cpu-io-waves \
		--policy spread --policy demand-shape --policy predicted-contention --measure-every 2s --out $(SEA)/waves; \
	$(BIN)/towtank validate --on docker:$(SEA)/two-measured.toml --yes \
		--trace $(or $(TRACE),generated:cpu-io-small:cpu-cpus=0.4,io-cpus=0.4) \
		--architecture monolithic --architecture shared-state --schedulers batch=2 \
		--policy spread --policy demand-shape --policy predicted-contention --measure-every 2s --out $(SEA)/mixed; \
	$(BIN)/towtank testbed down --name validate; \
	$(BIN)/towtank testbed up 3 --name validate --subnet 96 --cpus 0.6 --slow-disk 10:500 --inventory $(SEA)/three.toml; \
	$(BIN)/towtank validate --on docker:$(SEA)/three.toml --yes --trace generated:cpu-io-small \
		--architecture shared-state --schedulers batch=4 --t-job 2s --policy binpack --out $(SEA)/conflicts

clean:
	rm -rf $(VENV) demo build *.egg-info .mypy_cache .ruff_cache .hypothesis .benchmarks
