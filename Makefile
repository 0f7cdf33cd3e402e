# `make demo` and `make test` do all of their set-up themselves, in a virtual environment under .venv.
PYTHON ?= python3
VENV ?= .venv
RUN = $(VENV)/bin/python
STAMP = $(VENV)/.installed
export OMP_NUM_THREADS = 1
# Models are named by path or are in the cache already; tests never ask a hub.
export TOKENIZERS_PARALLELISM = false

# Tests of mathematics that factorises matrices, those that take seconds.
NUMERICAL = tests/crf tests/curation/test_finding.py tests/curation/test_trusted.py tests/influence/test_choose.py \
	tests/influence/test_curvature.py tests/influence/test_effects.py tests/influence/test_index_rows.py \
	tests/influence/test_linear_algebra.py tests/influence/test_removal.py tests/influence/test_verification.py

# About the time that `make torture` may take beside its soak and its tests, and where its draws begin.
TORTURE_SECONDS ?= 7200
TORTURE_SEED ?= 0
# The walk with somebody's own corpus: where it is written, and how long the tagger is trained.
OUT ?= stranger
STEPS ?= 1000

.PHONY: help demo stranger docs pages test test-slow test-all test-numerics torture torture-quick lower-bounds lint format wheel clean

help:
	@echo "make demo       install, train on the embedded corpus, build the index; ends with an explanation"
	@echo "make stranger DIR=...  take a corpus (train.*, dev.*) through everything, with defaults (OUT=, STEPS=)"
	@echo "make docs       the documentation, as a site in site/ that needs no network"
	@echo "make pages      write the pages of the reference again, from commands, configs, errors and docstrings"
	@echo "make test       install, lint, type check, the tests that take seconds"
	@echo "make test-slow  workflows, the documentation's commands, servers, transformers: those that take minutes"
	@echo "make test-all   both"
	@echo "make test-numerics  those of mathematics, as on another type of processor"
	@echo "make torture    kills, disks, edits, pages, a soak (TORTURE_SECONDS=, TORTURE_SEED=); torture-quick: some of it"
	@echo "make lower-bounds  the tests of the CRF and of indexes, with the lowest versions of what is depended on"
	@echo "make lint       ruff and mypy"
	@echo "make format     let ruff format the code"
	@echo "make wheel      a wheel in dist/"
	@echo "make clean      remove what demo and test made (not .venv)"

$(STAMP): setup.cfg pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(RUN) -m pip install --quiet -c constraints.txt -e ".[dev]"
# It asks for torchvision, which it does not use and which must have been built for the very torch that is there.
	$(RUN) -m pip install --quiet -c constraints.txt --no-deps kronfluence
	touch $(STAMP)

demo: $(STAMP)
	$(RUN) -m spacy project run all
	@echo
	@echo "What the tagger takes for a place, and which training labels taught it that:"
	$(RUN) -m spacy seginf explain training/indexed "FT : Hull 3 goals ; The bus left Lyon at noon ." --families 1 --top 1
	@echo "Pages and pictures: training/indexed/index.html, reports/victim_*.html, reports/planted.png"

stranger: $(STAMP)
	$(RUN) -m scripts.stranger "$(DIR)" "$(OUT)" --steps $(STEPS)

docs: $(STAMP)
	NO_MKDOCS_2_WARNING=1 $(RUN) -m mkdocs build --strict --quiet
	@echo "Open site/index.html"

pages: $(STAMP)
	$(RUN) -m scripts.api_page docs/api.md
	$(RUN) -m scripts.commands_page docs/commands.md
	$(RUN) -m scripts.config_page docs/config.md
	$(RUN) -m scripts.errors_page docs/errors.md

# Tests of a file share what is trained for them, so a file stays in one process.
test: lint
	$(RUN) -m pytest -q -n auto --maxprocesses=4 --dist loadfile

# Workflows and the README's commands take as long as all other slow tests, so they run beside them.
test-slow: $(STAMP)
	$(RUN) -m pytest -q -m slow --durations=5 tests/project & workflows=$$!; \
	$(RUN) -m pytest -q -m slow --durations=5 --ignore=tests/project; others=$$?; \
	wait $$workflows && exit $$others

test-all: test test-slow

# A routine of LAPACK may fail on one type of processor only.
test-numerics: $(STAMP)
	OPENBLAS_CORETYPE=$$($(RUN) scripts/other_processor.py) $(RUN) -m pytest -q $(NUMERICAL)

torture: $(STAMP)
	$(RUN) -m experiments.torture --seconds $(TORTURE_SECONDS) --seed $(TORTURE_SEED)

torture-quick: $(STAMP)
	$(RUN) -m experiments.torture --quick --seed $(TORTURE_SEED)

# An environment of its own, beside the usual one.
lower-bounds:
	$(PYTHON) scripts/lower_bounds.py $(VENV)-lowest

lint: $(STAMP)
	$(RUN) -m ruff check .
	$(RUN) -m ruff format --check .
	$(RUN) -m mypy

format: $(STAMP)
	$(RUN) -m ruff check --fix .
	$(RUN) -m ruff format .

wheel: $(STAMP)
	$(RUN) -m build --wheel

clean:
	rm -rf corpus training metrics reports packages project.lock build dist site
