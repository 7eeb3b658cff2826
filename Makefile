# `make demo` and `make test` do all their own set-up.
.PHONY: setup demo test test-unit test-long check lock

PYTHON ?= python3.11
VENV := .venv/bin

setup:
	$(PYTHON) scripts/setup.py

demo: setup
	$(VENV)/python -m scripts.demo $(if $(KEEP),--keep) $(ARGS)

test: setup check
	$(VENV)/python -m pytest

test-unit:
	$(VENV)/python -m pytest -m "not integration and not long"

test-long: setup
	$(VENV)/python -m pytest -m long

check:
	$(VENV)/ruff format --check .
	$(VENV)/ruff check .
	$(VENV)/mypy
	$(VENV)/lint-imports
	$(VENV)/deptry .

# Writes what `pip install --no-deps -r requirements.lock` installs; it names versions, no index.
lock:
	$(VENV)/uv pip compile --quiet --universal --python-version 3.11 --no-emit-index-url --no-annotate --no-header \
		--extra dev --extra label-studio-ml --extra postgres --override requirements.override.txt pyproject.toml -o requirements.lock
