# All commands for daily work. Targets that need packages make .venv first.

PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin
UV := uv==0.13.9
# what each group of packages is for stands in pyproject.toml
INSTALLED := $(VENV)/.installed-demo
DEV := $(VENV)/.installed-dev
BENCH := $(VENV)/.installed-bench

# The demo's own Prefect profile and database, so that it touches nothing in the user's home; prefect.toml has the rest
export PREFECT_HOME ?= $(CURDIR)/var/prefect
export DO_NOT_TRACK ?= true
export MLFLOW_DISABLE_TELEMETRY ?= true
# gives memory back sooner than Arrow's own choice (docs/scale.md)
export ARROW_DEFAULT_MEMORY_POOL ?= jemalloc

SALES ?=
# how that file is written, as in: make demo SALES=sales.csv FORM='--keys sku,store --date day --quantity units'
FORM ?=
AS_OF ?=
DFUS ?= 5000
MONTHS ?= 48
PANELS ?=

.DEFAULT_GOAL := help

.PHONY: help
help:  ## show the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "%-18s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: install install-dev
install: $(INSTALLED)  ## make .venv with the pinned packages that runs, API and demo need
install-dev: $(DEV)  ## and those of tests and linters

# uv does not read how pip is configured: an index that pip is given counts for it, too
$(VENV)/.installed-%: pyproject.toml requirements.lock
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check $(UV)
	@index='$(or $(UV_DEFAULT_INDEX),$(PIP_INDEX_URL))'; index=$${index:-$$($(BIN)/python -m pip config get global.index-url 2>/dev/null)}; \
		$${index:+env UV_DEFAULT_INDEX="$$index"} $(BIN)/uv pip install --python $(BIN)/python --constraint requirements.lock --editable '.[$*]'
	@touch $@

# Prefect makes the folder, but not the one above it. No target of the folder's own name, which may hold blanks
.PHONY: prefect-home
prefect-home:
	@mkdir -p "$$PREFECT_HOME"

.PHONY: demo
demo: $(INSTALLED) | prefect-home  ## embedded PostgreSQL, a panel (SALES=file.csv AS_OF=2017-06 DFUS=5000 MONTHS=48), one run
	@$(BIN)/python -m flows.demo --dfus $(DFUS) --months $(MONTHS) $(if $(SALES),--sales '$(SALES)') $(FORM) $(if $(AS_OF),--as-of $(AS_OF))

.PHONY: test
test: $(DEV) | prefect-home  ## all tests but the slow ones, in parallel by file, tests of whole runs first
	$(BIN)/python -m pytest -m 'not slow' --numprocesses auto --maxprocesses 4 --dist loadgroup --no-loadscope-reorder

.PHONY: test-slow
test-slow: $(DEV) | prefect-home  ## the slow tests: workers, loads, outages, the demo, more cases of bad loads; up to an hour
	$(BIN)/python -m pytest -m slow

# COVERAGE='' measures the integration tests, too
COVERAGE ?= tests/unit tests/property
.PHONY: coverage
coverage: $(DEV) | prefect-home  ## which lines and branches the unit and property tests reach (COVERAGE='' for all but the slow)
	@mkdir -p var/coverage
	$(BIN)/python -m pytest -m 'not slow' $(COVERAGE) --cov

.PHONY: lint
lint: $(DEV)  ## ruff, mypy, import arrows
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

.PHONY: bench
bench: $(BENCH)  ## all benchmarks, one JSON line each (PANELS='a.parquet b.parquet'); over an hour and 20 GB of disk (benchmarks/README.md)
	$(BIN)/python benchmarks/features.py
	$(BIN)/python benchmarks/k_selection.py sets
	$(BIN)/python benchmarks/k_selection.py large
	$(BIN)/python benchmarks/stability.py $(PANELS)
	$(BIN)/python benchmarks/comparison.py
	$(BIN)/python benchmarks/gates.py
	$(BIN)/python benchmarks/publishing.py
	$(BIN)/python benchmarks/publishing.py --every 1 --repeats 1
	$(BIN)/python benchmarks/api.py
	$(BIN)/python benchmarks/history.py
	$(BIN)/python benchmarks/end_to_end.py --dfus 100000 1000000

# What the programs published last: the next month continues it, as a run of the flow does (docs/stability.md)
PUBLISHED := data/published
CONTINUE = $(if $(wildcard $(PUBLISHED)/cluster_labels.csv),--published $(PUBLISHED))

.PHONY: cluster-features cluster-train cluster-label cluster-update cluster-report cluster-all
cluster-features: $(INSTALLED)  ## program 1: features from DATABASE_URL to data/
	$(BIN)/python scripts/generate_clustering_features.py
cluster-train: $(INSTALLED)  ## program 2: clusters
	$(BIN)/python scripts/train_clustering_model.py $(CONTINUE)
cluster-label: $(INSTALLED)  ## program 3: labels
	$(BIN)/python scripts/label_clusters.py $(CONTINUE)
cluster-update: $(INSTALLED)  ## program 4: labels to the DFU table; keeps them in data/published, which the next month continues
	$(BIN)/python scripts/update_cluster_assignments.py
	@rm -rf $(PUBLISHED).new && cp -R data/clustering $(PUBLISHED).new && rm -rf $(PUBLISHED) && mv $(PUBLISHED).new $(PUBLISHED)
cluster-report: $(INSTALLED)  ## the report of what they made: data/clustering/report.html
	$(BIN)/python scripts/build_report.py
cluster-all: cluster-features cluster-train cluster-label cluster-update cluster-report  ## the four programs in a row, and the report

.PHONY: restore backfill
restore: $(INSTALLED)  ## publish the labels of an earlier run again (RUN=id or BEFORE=2026-10-05T08:00, DRY_RUN=1)
	$(BIN)/python scripts/restore_assignments.py $(if $(RUN),--run '$(RUN)') $(if $(BEFORE),--before '$(BEFORE)') $(if $(DRY_RUN),--dry-run)

MONTHS_BACK ?= 12
backfill: $(INSTALLED)  ## labels and features as of the last MONTHS_BACK=12 months, or all, for forecasters (docs/history.md)
	$(BIN)/python scripts/backfill_history.py --months $(MONTHS_BACK)

.PHONY: prefect-ui mlflow-ui demo-stop
prefect-ui: $(INSTALLED) | prefect-home  ## the runs of the demo in the Prefect UI, http://127.0.0.1:4200 (PORT=4200)
	PREFECT_SERVER_UI_API_URL=http://127.0.0.1:$(or $(PORT),4200)/api $(BIN)/prefect server start --port $(or $(PORT),4200)
mlflow-ui: $(INSTALLED)  ## the runs of the demo in MLflow, http://127.0.0.1:5000 (PORT=5000)
	$(BIN)/mlflow ui --port $(or $(PORT),5000) --backend-store-uri "$${MLFLOW_TRACKING_URI:-sqlite:///$${DFU_CLUSTERING_VAR:-$(CURDIR)/var}/mlflow/mlflow.db}"
demo-stop: $(INSTALLED)  ## stop the demo's PostgreSQL; its data are kept
	$(BIN)/python -m flows.demo --stop

.PHONY: api
api: $(INSTALLED)  ## the segments over HTTP, http://127.0.0.1:8000 (PORT=8000); the warehouse is DATABASE_URL (docs/api.md)
	$(BIN)/python -m api --port $(or $(PORT),8000)

.PHONY: deploy worker
deploy: $(INSTALLED)  ## put deployments, schedules and the event trigger on the server at PREFECT_API_URL (docs/loads.md)
	$(BIN)/python -m deploy.register
worker: $(INSTALLED)  ## execute runs of the server at PREFECT_API_URL; the warehouse is DATABASE_URL
	$(BIN)/python -m deploy.worker --pool $(or $(DFU_WORK_POOL),dfu-process)

.PHONY: alerts-apply alerts-test
alerts-apply: $(INSTALLED)  ## put the alerts on the Prefect server at PREFECT_API_URL (docs/alerts.md)
	$(BIN)/python -m deploy.alerts apply
alerts-test: $(INSTALLED) | prefect-home  ## send one marked test alert and say whether it was delivered
	$(BIN)/python -m deploy.alerts test

# The stack's containers, tagged with the revision they are built from
COMPOSE ?= docker compose
STACK = DFU_CLUSTERING_REVISION=$(or $(shell git describe --always --dirty 2>/dev/null),local) \
	$(COMPOSE) --file deploy/compose.yaml $(if $(DEMO),--profile demo)
# a program that builds and runs the image where there is no container engine
CONTAINER_SMOKE ?=
UNPRIVILEGED := --network none --read-only --tmpfs /tmp:size=2g,mode=1777 --cap-drop ALL --security-opt no-new-privileges

.PHONY: up down image-smoke
up:  ## build and start the stack in containers; DEMO=1 with a warehouse of made-up sales (docs/operations.md)
	deploy/secrets.sh deploy/secrets
	$(STACK) up --build --detach
down:  ## stop the stack; its data are kept
	$(STACK) --profile demo down
image-smoke:  ## build the image and run the demo in it: no network, read-only root, no rights
ifneq ($(CONTAINER_SMOKE),)
	$(CONTAINER_SMOKE) . -- python -m flows.demo
else
	docker build --tag dfu-clustering:smoke .
	docker run --rm $(UNPRIVILEGED) dfu-clustering:smoke python -m flows.demo
endif

# The chart library inside the report: change the versions here and in vendor/LICENSES.txt, then look at the page
D3 := 7.9.2
PLOT := 0.6.17
VENDOR := src/dfu_clustering/report/assets/vendor
.PHONY: vendor-charts
vendor-charts:  ## fetch the chart library of the report (needs npm)
	@folder=$$(mktemp -d) && cd "$$folder" && npm pack --silent d3@$(D3) @observablehq/plot@$(PLOT) \
		&& tar -xzf d3-$(D3).tgz package/dist/d3.min.js \
		&& tar -xzf observablehq-plot-$(PLOT).tgz package/dist/plot.umd.min.js \
		&& cp package/dist/d3.min.js package/dist/plot.umd.min.js "$(CURDIR)/$(VENDOR)/" && rm -r "$$folder"

.PHONY: lock
lock: $(DEV)  ## pin the newest versions that fit together
	$(BIN)/uv pip compile pyproject.toml --all-extras --python-version 3.11 --no-annotate --no-header --upgrade --output-file requirements.lock

.PHONY: clean
clean:  ## remove the files of runs and tools, but not .venv
	@if [ -d var/postgres ] && [ -x $(BIN)/python ]; then $(BIN)/python -m flows.demo --stop; fi
	rm -rf var data build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis
