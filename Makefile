# The one door for hands. Needs Python 3.11 or newer with venv, make, and for the first run a package index.

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.SHELLFLAGS := -euc
SHELL := /bin/sh

PYTHON ?= $(shell for p in python3.11 python3 python3.13 python3.12; do \
	"$$p" -c 'import sys, venv; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo "$$p" && break; done)
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.PHONY: help setup demo screenshots test sim fuzz azurite conformance check format docs bench bench-pacer bench-line bench-watching bench-archiver bench-console bench-database bench-destinations bench-genstage bench-ringcentral bench-scale lock clean

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 24

setup: $(READY) ## make .venv with the locked dependencies

# The second run finds both stamps and asks no index. Editable, so that the sources are what runs; the build needs nothing from outside.
$(VENV)/.locked: requirements.lock
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer with venv is needed; say which with make PYTHON=..." >&2; exit 1; }
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@touch $@

$(READY): $(VENV)/.locked pyproject.toml
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-index --no-deps --no-build-isolation --editable .
	@touch $@

demo: $(READY) ## the whole line on made-up customers and a Dropbox on loopback, about a minute
	$(BIN)/archiver demo

# A process a core; the files of tests are what is shared out, so that each starts its servers once.
test: $(READY) ## all tests, with the scenarios that start and kill real processes
	$(BIN)/python -m pytest tests --numprocesses auto --dist loadfile

# SEEDS=n plays so many; SEED=k plays one again and tells its end; JOBS=j at a time.
SEEDS ?= 1000
sim: $(READY) ## the real code in virtual time against every fault: SEEDS=n of them, or one with SEED=k
	PYTHONPATH=tests $(BIN)/python -m simulation $(if $(SEED),--seed $(SEED),--seeds $(SEEDS)) $(if $(JOBS),--jobs $(JOBS)) $(if $(JSON),--json $(JSON))

# Minutes are of the processor. SEED=k plays one seed again.
fuzz: $(READY) ## what no server should answer, and every name, into each adapter: MINUTES=m, or one with SEED=k
	PYTHONPATH=tests $(BIN)/python -m fuzz $(if $(SEED),--seed $(SEED),--minutes $(MINUTES))

# Of each test so many minutes; see docs/reliability.md.
MINUTES ?= 10
soak: $(READY) ## what takes too long for each run: MINUTES=m for each storm, an hour and a half with ten
	ARCHIVER_TEST_SOAK_MINUTES=$(MINUTES) $(BIN)/python -m pytest tests -m soak -s

# Microsoft's emulator of Azure is to be had by npm only; without node or npm the tests of Azure are skipped, and say so.
azurite: $(READY) ## put Azurite into .venv, for the tests of Azure
	test -x $(VENV)/azurite/node_modules/.bin/azurite-blob || npm install --no-audit --no-fund --prefix $(VENV)/azurite azurite@3.37.0

conformance: $(READY) ## the kit of tests on every destination, in front of real servers; says of each skipped one why
	-command -v npm >/dev/null && $(MAKE) --no-print-directory azurite
	PYTHONPATH=tests $(BIN)/python -m pytest -p support.kit tests/archiver/destinations

check: $(READY) ## style, types, arrows between the rooms, exports
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/python -m pytest tests/test_arrows.py tests/test_exports.py

format: $(READY) ## put the sources into their one form
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

docs: $(READY) ## write the reference pages of docs/ anew from the code
	$(BIN)/python tests/support/pages.py

screenshots: $(READY) ## pictures of the console for the docs, from the running demo; needs Chromium
	PYTHONPATH=tests $(BIN)/python tools/screenshots.py

bench: bench-pacer bench-line ## the benchmarks whose figures the project promises

bench-pacer: $(READY) ## the pacer against providers that it does not know, in virtual time
	$(BIN)/python -m benchmarks.pacer

bench-line: $(READY) ## the whole line, beside a bare loop that makes the same calls
	$(BIN)/python -m benchmarks.line

bench-watching: $(READY) ## what metrics and a log line for each item cost
	$(BIN)/python -m benchmarks.watching

bench-archiver: $(READY) ## old against new: the old design, rclone and Archiver on the same Dropbox, about six minutes
	$(BIN)/python -m benchmarks.archiver --pictures docs

bench-ringcentral: $(READY) ## a large company on RingCentral in virtual time, and a thousand idle ones; about ten minutes
	PYTHONPATH=tests $(BIN)/python -m benchmarks.ringcentral
	$(BIN)/python -m benchmarks.hang_up
	$(BIN)/python -m benchmarks.resting --sources 20000
	$(BIN)/python -m benchmarks.idle_sources

bench-scale: $(READY) ## a hundred thousand customers, ten million items, two processes on PostgreSQL; about ten minutes
	$(BIN)/python -m benchmarks.scale

bench-destinations: $(READY) ## small files into each destination at one core, beside the provider's own package
	$(BIN)/python -m benchmarks.destinations $(if $(JSON),--json $(JSON))

bench-console: $(READY) ## the console with 100,000 customers and ten million receipts, and 300 viewers; about half an hour
	$(BIN)/python -m benchmarks.console

bench-database: $(READY) ## what the database costs per item
	$(BIN)/python -m benchmarks.database

bench-genstage: $(READY) ## events per second through the toolkit
	$(BIN)/python -m benchmarks.genstage

# pip-tools does not read dependency groups, so they are spelled out for it.
lock: $(READY) ## resolve the dependencies anew into requirements.lock
	$(BIN)/python -c 'import tomllib; d = tomllib.load(open("pyproject.toml", "rb")); \
		print(*d["project"]["dependencies"], *d["dependency-groups"]["dev"], sep="\n")' > $(VENV)/lock.in
	head -n 2 requirements.lock > $(VENV)/lock.head
	grep -v '^#' requirements.lock > $(VENV)/lock.out
	$(BIN)/pip-compile --quiet --upgrade --generate-hashes --strip-extras --allow-unsafe --no-header --no-annotate \
		--no-emit-find-links --no-emit-index-url --no-emit-options --no-emit-trusted-host \
		--output-file $(VENV)/lock.out $(VENV)/lock.in
	cat $(VENV)/lock.head $(VENV)/lock.out > requirements.lock

clean: ## remove .venv and every cache
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis build dist
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
