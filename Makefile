# Two commands for a newcomer: `make demo` and `make test`. Needs make and Python 3.11 or newer, nothing else.

PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11; do \
	command -v $$p >/dev/null && $$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
BIN := .venv/bin
PYTEST_ARGS ?=
# Half of the tests wait for servers: two processes share the files, each with servers of its own.
PYTEST_WORKERS ?= 2
BENCH_ARGS ?=

.PHONY: demo up test test-emulators bench check migrate wheel emulators schema lock clean

demo: .venv/installed
	$(BIN)/sourcecheck demo

up: .venv/installed
	$(BIN)/sourcecheck up

migrate: .venv/installed
	$(BIN)/sourcecheck migrate

test: .venv/installed-dev
	$(BIN)/pytest --numprocesses $(PYTEST_WORKERS) --dist loadfile --no-loadscope-reorder $(PYTEST_ARGS)

bench: .venv/installed-dev
	$(BIN)/python -m benchmarks $(BENCH_ARGS)

check: .venv/installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

.venv/installed: pyproject.toml client/pyproject.toml constraints.txt
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer is needed: set PYTHON=/path/to/python3"; exit 1; }
	@echo "Setting up .venv: about a minute the first time"
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --disable-pip-version-check --constraint constraints.txt \
		--editable ./client --editable .
	@touch $@

.venv/installed-dev: .venv/installed requirements-dev.txt
	@echo "Adding what the tests need: about a minute the first time"
	$(BIN)/python -m pip install --disable-pip-version-check --constraint constraints.txt --requirement requirements-dev.txt
	@touch $@

# Two wheels in dist: sourcecheck-VERSION (the service) and sourcecheck_client-VERSION (the client and the command line).
wheel: .venv/installed
	@rm -rf build client/build
	$(BIN)/python -m pip wheel --quiet --disable-pip-version-check --no-deps --wheel-dir dist ./client .
	@rm -rf build client/build

# Engines and emulators that tests run against, each in an environment of its own below .emulators, because they do not get
# along with our pins. A file in tests/emulators/requirements is one of them; `make emulator-NAME` sets up that one.
EMULATORS := $(basename $(notdir $(wildcard tests/emulators/requirements/*)))

emulators: $(EMULATORS:%=emulator-%)

emulator-%:
	@tests/emulators/install $* $(PYTHON)

test-emulators: .venv/installed-dev emulators
	$(BIN)/pytest tests/emulators $(PYTEST_ARGS)

# The JSON Schema of a file of sources, which the client brings along: after every change of a type's options.
schema: .venv/installed
	$(BIN)/python -m api.openapi.file_schema > client/sourcecheck/sources.schema.json

# Pins of everything, for every platform, without any address.
lock:
	uv pip compile --universal --python-version 3.11 --no-emit-index-url --no-header --no-annotate --no-emit-package sourcecheck-client \
		--upgrade --extra scale requirements-dev.txt pyproject.toml --output-file constraints.txt

clean:
	rm -rf .venv .sourcecheck build client/build dist
