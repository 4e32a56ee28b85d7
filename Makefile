# Every target installs what it needs: a virtual environment in .venv, from the pinned requirements.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
NODE := tests/postman/node_modules tests/browser/node_modules tests/openapi/node_modules examples/frontend/node_modules

.DEFAULT_GOAL := help
.PHONY: help run demo test guarantees bench bench-compare bench-sizes bench-strain check format docs clean

help: ## show this help
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "make %-13s %s\n", $$1, $$2}'

run: $(VENV)/run.stamp ## install the requirements and serve at http://localhost:5000
	@exec $(BIN)/python run.py

demo: $(VENV)/run.stamp ## fill an empty shop with 200 tickets and serve it
	@$(BIN)/flask --app run demo --tickets 200 --if-empty
	@exec $(BIN)/python run.py

test: $(VENV)/dev.stamp $(NODE) ## install the requirements and run all tests
	@command -v chromium >/dev/null || command -v google-chrome >/dev/null || echo "Chromium is not installed: browser tests are skipped."
	@$(BIN)/python -m pytest -n auto --cov --cov-report=term --cov-fail-under=95

guarantees: $(VENV)/dev.stamp ## run all proofs in full and write docs/guarantees.md
	@$(BIN)/python -m pytest --full --write-guarantees tests/races tests/faults

bench: $(VENV)/run.stamp ## measure beside other frameworks (needs PostgreSQL, redis-server and wrk); BENCH="--rounds 5" adds options
	@$(BIN)/python -m bench.run $(BENCH)

bench-compare: $(VENV)/run.stamp ## measure beside another commit, BASE=commit
	@test -n "$(BASE)" || { echo "BASE is not set: it names the commit to compare with." >&2; exit 1; }
	@$(BIN)/python -m bench.run --compare "$(BASE)" $(BENCH)

bench-sizes: $(VENV)/run.stamp ## measure shops of 1,000 to 500,000 tickets on the PostgreSQL of DATABASE_URL
	@$(BIN)/python -m bench.sizes $(BENCH)

bench-strain: $(VENV)/run.stamp ## measure the start, a long list, idle connections and an overload
	@$(BIN)/python -m bench.strain $(BENCH)

check: $(VENV)/dev.stamp $(NODE) ## lint the code and the OpenAPI document, check types, compare the document with the code
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/python -m pytest -q tests/test_document.py tests/browser/test_types.py
	@tests/openapi/node_modules/.bin/spectral lint --quiet --fail-severity hint --ruleset tests/openapi/spectral.yaml docs/openapi.json
	@tests/openapi/node_modules/.bin/redocly lint --extends recommended-strict docs/openapi.json

format: $(VENV)/dev.stamp ## format the code
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

docs: $(VENV)/dev.stamp $(NODE) ## write all that is generated: OpenAPI, Postman, cookbook responses, types, pictures
	@$(BIN)/flask --app run openapi write docs/openapi.json
	@npm run --silent --prefix examples/frontend types
	@$(BIN)/python -m tests.support.postman.build
	@$(BIN)/python -m tests.support.cookbook
	@$(BIN)/python -m tests.support.pictures

clean: ## remove the virtual environment and the files of test runs
	@rm -rf $(VENV) $(NODE) examples/frontend/dist .pytest_cache .mypy_cache .ruff_cache .hypothesis .coverage

$(VENV)/python.stamp:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed; set PYTHON=… to use another one." >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV)
	@touch $@

$(VENV)/run.stamp: $(VENV)/python.stamp requirements.txt
	@echo "Installing the requirements of the shop …"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.txt
	@touch $@

$(VENV)/dev.stamp: $(VENV)/python.stamp requirements.txt requirements-dev.txt
	@echo "Installing the requirements of the tests …"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	@touch $@ $(VENV)/run.stamp

# Node programs for tests. If they cannot be installed, a message says so, and the tests that need them are skipped.
%/node_modules: %/package-lock.json
	@if ! command -v npm >/dev/null; then echo "npm is not installed: tests that need $@ are skipped."; \
	elif echo "Installing $@ …" && npm ci --silent --no-audit --no-fund --prefix $*; then touch $@; \
	else echo "npm could not install $@: tests that need it are skipped."; fi
