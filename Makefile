PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
INSTALL := $(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable

.PHONY: demo profile results experiments maps analysis test test-core test-slow test-experiments mutants lint bench clean
demo: $(VENV)/core.done  ## four methods race on four functions: a table, and docs/figures/race.png
	mkdir -p docs/figures
	$(BIN)/momentumlab compare rosenbrock beale cosine_wells mccormick \
		--rule heavy_ball --rule nesterov --rule pid --rule rsgdm --plot docs/figures/race.png

results: $(VENV)/core.done  ## docs/results: the tables and figures of the papers
	$(BIN)/python -m experiments.pmg_functions
	$(BIN)/python -m experiments.choosing

experiments: $(VENV)/experiments.done  ## docs/results: MNIST, and CIFAR at the size of a processor, within an hour
	$(BIN)/python -m experiments.mnist
	$(BIN)/python -m experiments.cifar --scale cpu

maps: $(VENV)/core.done  ## docs/figures: where a rule converges, basins of attraction, rates over slices of a family
	$(BIN)/momentumlab map heavy_ball lr=1e-5:1e-2:256:log beta=0:0.999:256 --problem rosenbrock --maxiter 5000 \
		--plot docs/figures/map.png
	$(BIN)/momentumlab map heavy_ball lr=0.005 beta=0.9 x1=-6:6:256 x2=-6:6:256 --problem himmelblau --maxiter 3000 \
		--plot docs/figures/basins.png
	$(BIN)/momentumlab map pid lr=0.01:0.4:120 beta=0:0.98:120 kd=-0.02,0,0.0355,0.08 --mu 1 --L 10 \
		--plot docs/figures/rates.png

analysis: $(VENV)/analysis.done  ## docs/claims and docs/theorems.md with their figures, a rate card, how frameworks' rules relate
	$(BIN)/python -m analysis
	$(BIN)/momentumlab rates nesterov --mu 1 --L 100 --plot docs/figures/card.png

profile: $(VENV)/core.done  ## docs/figures/profile.png: which problems each method solves, and at what cost
	mkdir -p docs/figures
	$(BIN)/momentumlab compare more_garbow_hillstrom_unconstrained --maxiter 20000 \
		--rule heavy_ball --rule nesterov --rule pid --rule triple_momentum --rule adam \
		--profile docs/figures/profile.png || test $$? -eq 1  # not every method solves every problem

test: $(VENV)/test.done  ## everything but the slow tables
	$(BIN)/python -m pytest -n auto

test-slow: $(VENV)/test.done  ## tables of reference that take minutes
	$(BIN)/python -m pytest -m slow

test-core: $(VENV)/test-core.done  ## what needs neither torch nor SymPy
	$(BIN)/python -m pytest -n auto

test-experiments: $(VENV)/test-experiments.done  ## a trainer that is killed, shares of processes, a cluster, a browser
	$(BIN)/python -m pytest -m slow tests/test_experiments_*.py

mutants: $(VENV)/test.done  ## every sign, factor and start in rules.py changed, one at a time: what the tests catch
	$(BIN)/python -m tests.mutation

lint: $(VENV)/lint.done
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: $(VENV)/core.done  ## this library beside its peers, as ratios
	$(BIN)/momentumlab bench

clean:
	rm -rf $(VENV) build dist

$(VENV)/core.done: EXTRAS :=
$(VENV)/analysis.done: EXTRAS := [analysis]
$(VENV)/experiments.done: EXTRAS := [experiments]
$(VENV)/test.done: EXTRAS := [test,torch,analysis,experiments]
$(VENV)/test-experiments.done: EXTRAS := [test,torch,analysis,experiments,slow]
$(VENV)/test-core.done: EXTRAS := [test]
$(VENV)/lint.done: EXTRAS := [dev]

$(VENV)/%.done: pyproject.toml constraints.txt | $(BIN)/pip
	$(INSTALL) ".$(EXTRAS)"
	touch $@

$(BIN)/pip:
	$(PYTHON) -m venv $(VENV)
