# Two commands matter: `make book` and `make test`. Both need Python 3.11 to 3.13, make, and a package registry.
# `make help` lists the rest.

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin

# What a page can depend on. A change in any of these, and only that, makes the next run work again.
NOTEBOOKS := $(sort $(wildcard notebooks/*.ipynb notebooks/*/*.ipynb))
PACKAGE   := $(shell find pmf_minimal -type f -not -name '*.pyc')
PAGES     := $(shell find book -type f -not -path '*/__pycache__/*') _config.yml _toc.yml
EXECUTED  := $(NOTEBOOKS:%=_build/%)

# The same number of threads for `refresh`, `book` and `test`: another number adds up sums in another order, and the
# last digits that training starts from grow. Threads that wait must sleep: by default they spin, which on a busy
# machine makes two threads several times slower than one.
export OMP_NUM_THREADS := 2
export OMP_WAIT_POLICY := PASSIVE

# One order for sets and dictionaries of strings in every run; the environment's own kernel before the user's; no
# "new version of pip" and no "frozen modules" chatter between the lines that matter.
export PYTHONHASHSEED := 0
export JUPYTER_PREFER_ENV_PATH := 1
export PIP_DISABLE_PIP_VERSION_CHECK := 1
export PYDEVD_DISABLE_FILE_VALIDATION := 1

# A recipe that fails must not leave a half-made file that looks finished; and no built-in rules for C and the like.
.DELETE_ON_ERROR:
.SUFFIXES:
.DEFAULT_GOAL := help

.PHONY: help
help: ## list the targets
	@echo "Targets of this Makefile:"
	@sed -n 's/^\([a-z-]*\):.*## /\1 /p' Makefile | while read -r name text; do printf '  make %-12s  %s\n' "$$name" "$$text"; done

# --- Set-up -------------------------------------------------------------------------------------------------------
# Two stamps, since the pins take minutes to install and the package itself a second.

$(VENV)/requirements.stamp: requirements.txt
	@$(PYTHON) -c 'import sys; sys.exit(None if (3, 11) <= sys.version_info[:2] <= (3, 13) else \
	  f"This book needs Python 3.11, 3.12 or 3.13, and $(PYTHON) is {sys.version.split()[0]}: try  make PYTHON=python3.12 ...")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --requirement requirements.txt
	@touch $@

# Editable, so that a change in pmf_minimal/ counts at once. setuptools is among the pins: no build isolation, hence no
# second trip to the registry.
$(VENV)/package.stamp: $(VENV)/requirements.stamp pyproject.toml
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

.PHONY: setup
setup: $(VENV)/package.stamp ## make .venv and install everything into it

# --- The book -----------------------------------------------------------------------------------------------------

.PHONY: book
book: _build/html.stamp ## execute the notebooks and build the book in _build/html
	@echo
	@echo "The book is ready. Open this file in a browser:"
	@echo "    file://$(CURDIR)/_build/html/index.html"

# The committed notebooks stay as they are; what is shown is an executed copy.
$(EXECUTED): _build/%.ipynb: %.ipynb $(PACKAGE) $(VENV)/package.stamp book/tools/execute.py
	@$(BIN)/python book/tools/execute.py $< --to $(@D)

# Two chapters at a time, each with the threads it has alone: between its matrix products a chapter uses one core.
_build/html.stamp: $(NOTEBOOKS) $(PACKAGE) $(PAGES) $(VENV)/package.stamp
	@$(MAKE) --no-print-directory --jobs=2 $(EXECUTED)
	$(BIN)/python book/tools/build_site.py _build/notebooks
	@touch $@

.PHONY: pdf
pdf: book ## print the whole book into _build/pmf-book.pdf; needs Chromium or Chrome
	$(BIN)/python book/tools/pdf.py _build/html

.PHONY: bundle
bundle: book ## pack site, notebooks, data and package into one zip file for a room without a network
	$(BIN)/python book/tools/bundle.py _build/html

.PHONY: refresh
refresh: setup ## execute the notebooks and rewrite their set-up cells, committed outputs and the generated pages
	$(BIN)/python book/tools/setup_cell.py
	$(BIN)/python book/tools/execute.py $(NOTEBOOKS) --in-place
	$(BIN)/python book/tools/equation_index.py
	$(BIN)/python book/tools/exercise_list.py
	$(BIN)/python book/tools/figure_list.py
	$(BIN)/python book/tools/claims.py
	$(BIN)/python book/tools/explore.py
	$(BIN)/python book/tools/errata.py
	$(BIN)/python book/tools/questions.py

.PHONY: teach
teach: setup ## write what teachers need into _build/teaching: copies for students and instructors, slides, questions
	$(BIN)/python book/tools/teaching.py copies
	$(BIN)/python book/tools/slides.py
	$(BIN)/python book/tools/questions.py --gift _build/teaching/questions.gift

# What the verdicts of the second round rest on takes three and a half hours of one core, by its stored runs; all cards take twelve.
CARDS ?= ablations_paper ablations_released few_seeds_paper few_seeds_systems iterative modalities threshold \
  times trainings_paper trainings_released
.PHONY: experiments
experiments: setup ## run the experiments behind the verdicts again and compare with what is stored (two hours; goes on after a halt; CARDS= runs all)
	$(BIN)/python -m pmf_minimal experiment $(CARDS)

.PHONY: bench
bench: setup ## measure speed, memory and growth (half an hour on an idle machine; goes on after a halt) and print the table
	$(BIN)/python tests/benchmarks/measure.py

# --- Checks -------------------------------------------------------------------------------------------------------

# Two workers, each of which keeps to one file at a time: nbval needs that, and what a file sets up is then made once. In
# the order of tests/conftest.py, so that the longest file is not the last.
# Each notebook is executed twice: by nbval, which compares with what is committed, and in tests/notebooks/test_colab.py.
.PHONY: test
test: setup ## run all tests, the notebooks' stored outputs included
	$(BIN)/python -m pytest tests $(NOTEBOOKS) -n 2 --dist loadfile --no-loadscope-reorder --durations 5 \
	  --nbval --nbval-kernel-name warm --nbval-cell-timeout 300 --nbval-sanitize-with book/tools/nbval_sanitise.cfg

# While one works: units, equations, the lint of pages and notebooks, the rules of the house.
.PHONY: quick-test
quick-test: setup ## run what takes no training and no browser: two minutes
	$(BIN)/python -m pytest tests/unit tests/equations tests/book/test_lint.py -m "not slow" -n 2 --dist loadfile

# `make test` tries the same 1,000 damaged inputs on every reader each time, about a minute of one core in all (2,000 take two);
# an eighth of them where an example is a folder, and a tenth where it is trained with. Here there are more, drawn anew each time.
EXAMPLES ?= 100000
.PHONY: fuzz
fuzz: setup ## try 100,000 damaged inputs on every reader, by a random seed that it prints (EXAMPLES=…, SEED=… to repeat)
	@seed="$(SEED)"; seed="$${seed:-$$($(BIN)/python -c 'import secrets; print(secrets.randbelow(2**32))')}"; \
	echo "To repeat these:  make fuzz EXAMPLES=$(EXAMPLES) SEED=$$seed"; \
	PMF_EXAMPLES=$(EXAMPLES) PMF_SEED=$$seed $(BIN)/python -m pytest -q -n 2 --dist loadfile --timeout 0 \
	  tests/unit/test_hostile.py tests/unit/test_hostile_own.py tests/unit/test_hostile_runs.py \
	  tests/unit/test_hostile_formats.py tests/unit/test_own_pairs.py

.PHONY: lint
lint: setup ## check style and formatting (ruff)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

.PHONY: clean
clean: ## remove all that make has made: the build, the virtual environment, caches
	rm -rf $(VENV) _build *.egg-info .pytest_cache .ruff_cache .hypothesis .coverage
	find pmf_minimal tests book -name __pycache__ -type d -prune -exec rm -rf {} +
