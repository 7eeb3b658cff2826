# `make demo` and `make test` do all their own set-up.
.PHONY: setup demo test test-unit test-long test-chaos bench soak check docs lock sbom audit

# The first of these that starts: pyenv has a name for each version that it knows. Another one by `make PYTHON=…`.
PYTHON ?= $(firstword $(shell for name in python3.11 python3.12 python3.13 python3; do $$name -c '' 2>&- && command -v $$name; done; true))
VENV := .venv/bin
# Tests run beside each other, in a process more than there are cores: they often wait for servers.
PROCESSES := $(shell expr 1 + $$(getconf _NPROCESSORS_ONLN))
BESIDE := -n $(PROCESSES) --maxprocesses 4 --dist loadfile
ONE_THREAD := OMP_NUM_THREADS=1

# A run starts hundreds of processes that import this checkout: its modules are compiled once, not by each of them.
unexport PYTHONDONTWRITEBYTECODE

setup:
	@test -n "$(PYTHON)" || { echo "setup: no Python is here: install 3.11, 3.12 or 3.13 (Debian: apt-get install python3 python3-venv)"; exit 1; }
	$(PYTHON) -m scripts.setup

demo: setup
	$(VENV)/python -m scripts.demo $(if $(KEEP),--keep) $(ARGS)

# A file of tests stays in one process, so its servers start once. The files run in the order of tests/order.py.
test: setup check
	$(ONE_THREAD) $(VENV)/python -m pytest $(BESIDE) --no-loadscope-reorder

test-unit:
	$(ONE_THREAD) $(VENV)/python -m pytest $(BESIDE) -m "not integration and not long and not chaos"

test-long: setup
	$(VENV)/python -m pytest -m long

# Needs the right to mount a small file system.
test-chaos: setup
	$(VENV)/python -m pytest -m chaos tests/chaos
	$(VENV)/python -m scripts.fault_table

# Each benchmark prints tables and writes docs/figures/NAME.json; the machine should do nothing else.
bench: setup
	$(VENV)/python -m scripts.bench.intake
	$(VENV)/python -m scripts.bench.annotators
	$(VENV)/python -m scripts.bench.predict $(if $(OTHER),--other $(OTHER) $(if $(START),--start "$(START)"))
	$(VENV)/python -m scripts.bench.conversion
	$(VENV)/python -m scripts.bench.references
	$(VENV)/python -m scripts.bench.clusters
	$(VENV)/python -m scripts.bench.first_reviews
	$(VENV)/python -m scripts.bench.suspects $(if $(OBJECTLAB),--objectlab $(OBJECTLAB))
	$(VENV)/python -m scripts.bench.bulk 10000
	$(VENV)/python -m scripts.bench.commands
	$(VENV)/python -m scripts.bench.pages
	$(VENV)/python -m scripts.bench.training
	$(VENV)/python -m scripts.bench.last_review
	$(VENV)/python -m scripts.bench.eight_bits
	$(VENV)/python -m scripts.bench.base_models
	$(VENV)/python -m scripts.bench.tiles
	$(VENV)/python -m scripts.bench.page

# What grows in an hour; other work may run beside it.
soak: setup
	$(VENV)/python -m scripts.bench.soak
	$(VENV)/python -m scripts.bench.page

check:
	$(VENV)/ruff format --check .
	$(VENV)/ruff check .
	$(VENV)/mypy
	$(VENV)/lint-imports
	$(VENV)/deptry .

# Builds the site of docs/ in site/; a link that leads nowhere is an error.
docs: setup
	$(VENV)/python -m scripts.site

# Writes what `pip install --no-deps -r requirements.lock` installs; it names versions and hashes, no index.
lock:
	$(VENV)/uv pip compile --quiet --universal --python-version 3.11 --no-emit-index-url --no-annotate --no-header --generate-hashes \
		--extra dev --extra label-studio-ml --extra postgres --extra s3 --extra int8 --override requirements.override.txt pyproject.toml -o requirements.lock
	$(VENV)/uv pip compile --quiet --universal --python-version 3.11 --no-emit-index-url --no-annotate --no-header --generate-hashes \
		requirements.tools.txt -o requirements.tools.lock
	$(MAKE) setup
	$(VENV)/python -m scripts.only_dev

# Writes sbom.cdx.json: what the lock has, for every platform, as CycloneDX. The tool runs in an environment of its own.
sbom:
	$(VENV)/uv tool run --from cyclonedx-bom==7.5.0 cyclonedx-py requirements --pyproject pyproject.toml \
		--output-reproducible --of JSON -o sbom.cdx.json requirements.lock

# Asks for published vulnerabilities of the lock: it needs the network, so `make check` and CI do not run it.
audit:
	$(VENV)/uv tool run --from pip-audit==2.10.1 pip-audit --strict --disable-pip --require-hashes -r requirements.lock
