# `make run` and `make test` begin from nothing: they make the environment first.
PYTHON ?= python3
VENV ?= .venv
BIN = $(VENV)/bin

.PHONY: run test setup check clean

run: setup
	@$(BIN)/stackdeck

test: setup
	$(BIN)/pytest $(TESTS)

setup: $(VENV)/.complete

$(VENV)/.complete: uv.lock pyproject.toml tools/bootstrap.py
	$(PYTHON) tools/bootstrap.py $(VENV)
	@touch $@

# What CI asks of a change before it runs the tests.
check: setup
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
