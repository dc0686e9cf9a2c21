# Every target brings up .venv from the lock by itself; a machine needs only Python 3.11 (or newer), make and a network.
PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.ready

.PHONY: demo test run bench soak lint lock clean
.DEFAULT_GOAL := test

$(READY): requirements.lock pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Kith needs Python 3.11 or newer; this is " + sys.version.split()[0])'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --only-binary :all: -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	touch $(READY)

demo: $(READY)
	$(BIN)/python -m bot demo

run: $(READY)
	$(BIN)/python -m bot run

bench: $(READY)
	$(BIN)/python -m bot bench

# kill -9 in the middle of writing, a thousand times (`make test` does it fifty times).
soak: $(READY)
	KITH_KILLS=1000 $(BIN)/pytest -s tests/storage/test_kill.py

lint: $(READY)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# Property tests: the same examples every time, as long as they take. `pytest` by itself looks for new ones.
# Workers wait for real time more than they reckon: three keep two cores busy. Files in their order, since the longest have the fewest tests.
test: lint
	$(BIN)/pytest --numprocesses 3 --dist loadfile --no-loadscope-reorder --hypothesis-profile ci

# Needs uv; the only target that does. The lock names no package registry.
lock:
	uv pip compile pyproject.toml --extra local --extra postgres --group dev --group build --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links --no-header --output-file requirements.lock

clean:
	rm -rf .venv demo build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
