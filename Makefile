PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
INSTALL := $(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable

.PHONY: demo test test-core lint bench clean
demo: $(VENV)/core.done  ## four methods race on four functions: a table, and docs/figures/race.png
	mkdir -p docs/figures
	$(BIN)/momentumlab compare rosenbrock beale cosine_wells mccormick \
		--rule heavy_ball --rule nesterov --rule pid --rule rsgdm --plot docs/figures/race.png

test: $(VENV)/test.done  ## everything
	$(BIN)/python -m pytest

test-core: $(VENV)/test-core.done  ## what needs neither torch nor SymPy
	$(BIN)/python -m pytest

lint: $(VENV)/lint.done
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: $(VENV)/core.done  ## this library beside its peers, as ratios
	$(BIN)/momentumlab bench

clean:
	rm -rf $(VENV) build dist

$(VENV)/core.done: EXTRAS :=
$(VENV)/test.done: EXTRAS := [test,torch,analysis]
$(VENV)/test-core.done: EXTRAS := [test]
$(VENV)/lint.done: EXTRAS := [dev]

$(VENV)/%.done: pyproject.toml constraints.txt | $(BIN)/pip
	$(INSTALL) ".$(EXTRAS)"
	touch $@

$(BIN)/pip:
	$(PYTHON) -m venv $(VENV)
