# Everything here sets up what it needs: a virtual environment in .venv, from the pinned requirements.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
NODE := tests/postman/node_modules tests/browser/node_modules examples/frontend/node_modules

.DEFAULT_GOAL := help
.PHONY: help run demo test guarantees bench bench-compare bench-sizes bench-strain check format openapi examples clean

help: ## show this
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "make %-13s %s\n", $$1, $$2}'

run: $(VENV)/run.stamp ## set up and serve at http://localhost:5000
	@exec $(BIN)/python run.py

demo: $(VENV)/run.stamp ## set up, fill the shop with 200 tickets where it is empty, and serve
	@$(BIN)/flask --app run demo --tickets 200 --if-empty
	@exec $(BIN)/python run.py

test: $(VENV)/dev.stamp $(NODE) ## set up and run all tests
	@command -v chromium >/dev/null || command -v google-chrome >/dev/null || echo "chromium is not there: what needs a browser is not tested."
	@$(BIN)/python -m pytest -n auto --cov --cov-report=term --cov-fail-under=95

guarantees: $(VENV)/dev.stamp ## prove in full what docs/guarantees.md promises, and write it anew
	@$(BIN)/python -m pytest --full --write-guarantees tests/races tests/faults

bench: $(VENV)/run.stamp ## measure beside other frameworks (needs PostgreSQL and wrk); BENCH="--rounds 5" adds options
	@$(BIN)/python -m bench.run $(BENCH)

bench-compare: $(VENV)/run.stamp ## measure beside another commit, BASE=commit
	@test -n "$(BASE)" || { echo "BASE is not set: it names the commit to compare with." >&2; exit 1; }
	@$(BIN)/python -m bench.run --compare "$(BASE)" $(BENCH)

bench-sizes: $(VENV)/run.stamp ## measure shops of 1,000 to 500,000 tickets on the PostgreSQL of DATABASE_URL
	@$(BIN)/python -m bench.sizes $(BENCH)

bench-strain: $(VENV)/run.stamp ## measure the start, a long list, idle connections and an overload
	@$(BIN)/python -m bench.strain $(BENCH)

check: $(VENV)/dev.stamp examples/frontend/node_modules ## lint, types, and the drift of docs/openapi.json
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/python -m pytest -q tests/test_document.py tests/browser/test_types.py

format: $(VENV)/dev.stamp ## format the code
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

openapi: $(VENV)/dev.stamp ## write docs/openapi.json anew
	@$(BIN)/flask --app run openapi write docs/openapi.json

examples: $(VENV)/dev.stamp $(NODE) ## record the answers in docs/postman and docs/cookbook.md, and docs/images, anew
	@$(BIN)/python -m tests.postman.build
	@$(BIN)/python -m tests.cookbook
	@$(BIN)/python -m tests.browser.pictures

clean: ## remove the virtual environment and what tests leave behind
	@rm -rf $(VENV) $(NODE) examples/frontend/dist .pytest_cache .mypy_cache .ruff_cache .hypothesis .coverage

$(VENV)/python.stamp:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed; PYTHON=… names another." >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV)
	@touch $@

$(VENV)/run.stamp: $(VENV)/python.stamp requirements.txt
	@echo "Installing what the shop runs on …"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.txt
	@touch $@

$(VENV)/dev.stamp: $(VENV)/python.stamp requirements.txt requirements-dev.txt
	@echo "Installing what the tests need …"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	@touch $@ $(VENV)/run.stamp

# Programs of node that tests drive. Where they can't be had, this says so, and those tests are left out.
%/node_modules: %/package-lock.json
	@if ! command -v npm >/dev/null; then echo "npm is not there: what needs $@ is not tested."; \
	elif echo "Installing $@ …" && npm ci --silent --no-audit --no-fund --prefix $*; then touch $@; \
	else echo "npm could not install $@: what needs it is not tested."; fi
