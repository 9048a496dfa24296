# Batuta's commands. `make help` lists them; only Python 3.11-3.13 and make are needed, everything else is installed below .venv.
# Names given on the command line: ROW=, REPEAT=, SHORT=1 (faults), ARGS= (demo, up, bench, test).

SHELL := /bin/sh
.DEFAULT_GOAL := help
.PHONY: help setup demo up test live lint format faults bench stop lock messages docs screenshots

VENV := .venv
PYTHONS := python3.11 python3.12 python3.13 python3 python
PYTHON := $(VENV)/bin/python
UV_VERSION := 0.13.8
STAMP := $(VENV)/requirements.stamp
SERVERLESS := BATUTA_SERVERS=none

help: ## List every target
	@grep -hE '^[a-z][a-z-]*:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1\t/' | while IFS="$$(printf '\t')" read -r name text; do printf '  %-12s %s\n' "$$name" "$$text"; done

# A .venv that works and holds these exact requirements is left alone, so a second run costs nothing; the stamp is a copy of
# what was installed, and not a time, so that switching branches is noticed too.
setup: ## Create .venv and install the pinned requirements (instant when nothing changed)
	@if [ ! -x $(PYTHON) ] || ! $(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' 2>/dev/null; then \
		found=; \
		for candidate in $(PYTHONS); do \
			if command -v $$candidate >/dev/null 2>&1 && $$candidate -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' 2>/dev/null; then found=$$candidate; break; fi; \
		done; \
		if [ -z "$$found" ]; then echo 'Batuta needs Python 3.11, 3.12 or 3.13; none was found on the PATH.' >&2; exit 1; fi; \
		echo "Creating $(VENV) with $$($$found --version)"; \
		if ! $$found -m venv --clear $(VENV); then \
			echo "This Python cannot create a virtual environment. On Debian and Ubuntu: apt-get install python3-venv" >&2; exit 1; \
		fi; \
	fi
	@if ! cat requirements.txt requirements-dev.txt | cmp -s - $(STAMP); then \
		echo 'Installing the pinned requirements'; \
		if [ "$$($(VENV)/bin/uv --version 2>/dev/null | cut -d' ' -f2)" != $(UV_VERSION) ]; then \
			$(PYTHON) -m pip install --quiet --disable-pip-version-check uv==$(UV_VERSION) || echo 'uv cannot be installed here; pip does it, more slowly.'; \
		fi; \
		install='$(VENV)/bin/uv pip install --quiet --python $(PYTHON) --require-hashes -r requirements.txt -r requirements-dev.txt'; \
		$$install 2>$(VENV)/uv.log || $$install --system-certs 2>>$(VENV)/uv.log \
			|| { echo "Installing with pip, more slowly; what uv said is in $(VENV)/uv.log"; \
				$(PYTHON) -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.txt -r requirements-dev.txt; } \
			|| { echo 'The requirements could not be installed: is the package index reachable, and is there room on the disk?' >&2; exit 1; }; \
		cat requirements.txt requirements-dev.txt > $(STAMP); \
	fi

demo: setup ## Send to 20,000 people, kill a sender on the way, and account for everybody (under three minutes)
	@$(PYTHON) -m agency.settings.start main
	@$(PYTHON) manage.py demo $(ARGS)

up: setup ## Run the whole platform with demo records; prints URL and login; Ctrl-C stops all of it
	@$(PYTHON) -m agency.settings.start main
	@$(PYTHON) manage.py up $(ARGS)

# The other supported Pythons get a virtual environment of their own (.venv-3.12, …) where the machine has them.
test: setup ## Run every test but the fault suite, on each supported Python that is here; ends with one summary
	@$(PYTHON) -m agency.settings.start test
	@$(PYTHON) -m pytest --numprocesses auto --dist loadfile $(ARGS)
	@own=$$($(PYTHON) -c 'import sys; print("%d.%d" % sys.version_info[:2])'); tested=$$own absent=; \
	for version in 3.11 3.12 3.13; do \
		if [ $$version = $$own ]; then continue; fi; \
		if ! command -v python$$version >/dev/null 2>&1 || ! python$$version -c 'import venv' >/dev/null 2>&1; then \
			absent="$$absent $$version"; continue; \
		fi; \
		echo "Testing on Python $$version"; \
		$(MAKE) --no-print-directory setup VENV=.venv-$$version PYTHONS=python$$version && .venv-$$version/bin/python -m pytest --numprocesses auto --dist loadfile $(ARGS) || exit 1; \
		tested="$$tested, $$version"; \
	done; echo "tests: passed on Python $$tested$${absent:+; not on this machine:$$absent}"

# An empty list of allowed hosts allows all of them: these tests alone leave the machine.
live: setup ## Run the services' reading cases against the real ones whose settings are in the environment
	@$(PYTHON) -m pytest -m live --allow-hosts= tests/live $(ARGS)

lint: setup ## Style, types, layers, templates, migrations, Django's checks
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(SERVERLESS) $(VENV)/bin/mypy .
	PYTHONPATH=. $(VENV)/bin/lint-imports --no-logo
	$(VENV)/bin/djlint --quiet --lint templates
	$(SERVERLESS) DJANGO_SETTINGS_MODULE=agency.settings.test $(PYTHON) manage.py check --fail-level WARNING
	$(SERVERLESS) DJANGO_SETTINGS_MODULE=agency.settings.test $(PYTHON) -W ignore::RuntimeWarning manage.py makemigrations --check --dry-run
	$(SERVERLESS) DJANGO_SETTINGS_MODULE=agency.settings.test $(PYTHON) manage.py check_integrations --check
	$(SERVERLESS) DJANGO_SETTINGS_MODULE=agency.settings.test $(PYTHON) manage.py retention --check
	$(PYTHON) -m agency.settings.example --check

format: setup ## Put imports and code into the house style
	$(VENV)/bin/ruff check --fix .
	$(VENV)/bin/ruff format .

# On durable private servers of its own, whatever DATABASE_URL and REDIS_URL say: what is killed here must come back with everything it had confirmed.
faults: setup ## Inject every fault of the engine's table (ROW=one, REPEAT=20, SHORT=1 for the ones CI runs)
	@$(PYTHON) -m tests.faults $(if $(ROW),--row $(ROW)) $(if $(REPEAT),--repeat $(REPEAT)) $(if $(SHORT),--short)

# On private servers too, whatever DATABASE_URL and REDIS_URL say: figures compare only on servers that are set up alike.
bench: setup ## Measure the engine beside the usual shape and the bare loop; writes benchmarks/results.json
	@$(PYTHON) -m agency.embedded start main
	@$(PYTHON) -m benchmarks $(ARGS)

stop: ## Stop this checkout's private servers
	@if [ -x $(PYTHON) ]; then $(PYTHON) -m agency.embedded stop; fi

lock: setup ## Resolve requirements*.in into exact versions with hashes
	$(VENV)/bin/uv pip compile --generate-hashes --no-emit-index-url --no-header --universal --python-version 3.11 requirements.in -o requirements.txt
	$(VENV)/bin/uv pip compile --generate-hashes --no-emit-index-url --no-header --universal --python-version 3.11 requirements-dev.in -o requirements-dev.txt

messages: setup ## Collect the strings to translate and compile locale/pt_BR (needs gettext)
	$(SERVERLESS) $(PYTHON) manage.py makemessages --locale pt_BR --no-wrap --add-location file --ignore '$(VENV)/*' --ignore 'tests/*' --ignore 'benchmarks/*'
	$(SERVERLESS) $(PYTHON) manage.py compilemessages --locale pt_BR --ignore '$(VENV)/*'

docs: setup ## Write what is generated from code: docs/services.md, docs/retention.md, docs/licences.md, the index of decisions, .env.example
	$(SERVERLESS) DJANGO_SETTINGS_MODULE=agency.settings.test $(PYTHON) manage.py check_integrations --write
	$(SERVERLESS) DJANGO_SETTINGS_MODULE=agency.settings.test $(PYTHON) manage.py retention --write
	$(PYTHON) -m agency.settings.example
	$(PYTHON) -m tests.house.decision_index
	$(PYTHON) -m tests.house.licence_list

screenshots: setup ## Take the pictures of docs/images from the running platform with demo records (needs Chromium)
	@$(PYTHON) -m agency.embedded start main
	@$(PYTHON) -m tests.screenshots $(ARGS)
