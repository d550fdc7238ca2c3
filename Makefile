# The commands of a working day. `make check` needs neither root nor a lab; `make test` sets up all it needs.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: check format test demo bench pages clean

check: .venv/ready
	$(BIN)/ruff format --check -q .
	$(BIN)/ruff check -q .
	$(BIN)/mypy
	$(BIN)/pytest -q --cov --cov-report=term:skip-covered

format: .venv/ready
	$(BIN)/ruff format -q .
	$(BIN)/ruff check -q --fix .

.venv/ready: pyproject.toml requirements.lock
	tests/setup venv

pages: .venv/ready
	$(BIN)/python -m docs.fault_pages

test:
	tests/setup test

demo:
	tests/setup demo

bench: .venv/ready
	$(BIN)/python bench/run.py
	$(BIN)/python -m bench.scale

clean:
	tests/lab/lab down || true
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .coverage
