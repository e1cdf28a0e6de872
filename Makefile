# make demo        the paper's experiment, with a table and two pictures
# make test        tests and doctests
# make coverage    the same, and which lines they reach
# make lowest      the tests on the wheel, installed with the oldest versions that setup.cfg admits
# make lint        ruff and mypy
# make docs        the site, with all examples executed, in build/docs
# make explorer    the page that explores latents, and its two models; needs Node.js
# make test-explorer  its tests, in Chromium
# make dist        the sdist and the wheel of a release, in dist, tried without the sources
# make benchmark   the protocol's figures, and what they cost
# Each but `dist` and `lowest` builds .venv the first time and finds it the next.

PYTHON ?= python3
WORKERS ?= 2
BIN := .venv/bin
READY := .venv/ready
# A module is compiled when it is first imported, and kept so. Most of an environment's 15 000 never
# are, and all of them are over a minute of a core. The newest pip installs in half the time of the
# one that came with Python, which --upgrade-deps replaces.
unexport PYTHONDONTWRITEBYTECODE
INSTALL := -m pip install --quiet --no-compile --constraint constraints.txt
INSTALL_LOWEST := build/lowest/venv/bin/python $(INSTALL) --constraint build/lowest/oldest.txt

.PHONY: demo test coverage lowest lowest-environment lowest-tests lint docs explorer test-explorer dist benchmark clean

demo: $(READY)
	$(BIN)/python examples/grid_mnist.py

# One torch thread for each worker: more would fight for the cores. A worker that has nothing left
# to do takes over half of another's tests, so files stay together but at a few seams.
PYTEST_OPTIONS := --numprocesses=$(WORKERS) --dist=worksteal
test: $(READY)
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest $(PYTEST_OPTIONS)

# By itself, as it takes a third more time.
coverage: $(READY)
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest $(PYTEST_OPTIONS) --cov

# Of torch the oldest is not tried: only constraints.txt keeps its gigabytes of CUDA away. The
# sources stay behind, so that what is tested is what was installed. The extras come second, so that
# doing without them is tried, too. Old releases use what newer ones of others call deprecated. What
# can differ with the releases of others is where they are called: our own arithmetic, what only
# torch computes, the fuzzing, processes, the command line, the examples of docstrings and what is
# about this repository ran in `make test`, and so did DataFrames, as pandas is the newest here, too.
OF_OUR_OWN := _command_line _torch answers datasets/test_flickr.py explorer export/test_exported_captioner.py \
	export/test_writer.py gan inspection/test_find_latent.py metrics/test_agreement.py metrics/test_report.py \
	metrics/test_retrieval.py model text training/test_checkpoints.py \
	training/test_packets.py training/test_process_group.py training/test_shards.py \
	training/test_two_hosts.py test_after_fit.py test_ancestors.py test_attention_weights.py \
	test_benchmarks.py test_card.py test_card_texts.py test_cluster.py test_continuous_integration.py \
	test_differences.py test_docs.py test_examples.py test_forms_of_answers.py test_latents.py \
	test_layout.py test_lazy.py test_photographs.py test_pixels.py test_processes.py test_quality.py \
	test_readback.py test_regions.py test_reproducibility.py test_robustness.py test_stored.py \
	test_warm_start.py vision/test_encoder.py vision/test_pretrained.py
lowest: lowest-environment
	$(MAKE) lowest-tests

# Of a copy of the sources: what else is built here at the same time writes into them.
lowest-environment:
	@$(PYTHON) -c 'import sys; v = sys.version_info; sys.exit(None if v[:2] == (3, 11) else "Old releases have wheels for Python 3.11, this is %d.%d: make PYTHON=/path/to/python3.11" % v[:2])'
	rm -rf build/lowest && mkdir -p build/lowest/sources build/lowest/elsewhere
	sed -n '/^ *torch>/d; s/^    \([a-z-]*\)>=\([0-9.]*\)$$/\1==\2/p' setup.cfg > build/lowest/oldest.txt
	cat build/lowest/oldest.txt
	cp -r condcap_sk setup.cfg pyproject.toml MANIFEST.in README.md LICENSE build/lowest/sources
	cp -r tests pyproject.toml .ci/plain_install.py build/lowest/elsewhere
	$(PYTHON) -m venv --upgrade-deps build/lowest/venv
	build/lowest/venv/bin/python -m pip wheel --quiet --no-deps --wheel-dir build/lowest build/lowest/sources
	$(INSTALL_LOWEST) build/lowest/*.whl
	cd build/lowest/elsewhere && OMP_NUM_THREADS=1 ../venv/bin/python plain_install.py
	$(INSTALL_LOWEST) "$$(echo build/lowest/*.whl)[test]"

lowest-tests:
	cd build/lowest/elsewhere && OMP_NUM_THREADS=1 ../venv/bin/pytest $(PYTEST_OPTIONS) \
		-W ignore::DeprecationWarning -m 'not fuzz and not newest' tests \
		$(addprefix --ignore=tests/,$(OF_OUR_OWN))

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# Warnings are errors, and so are examples that fail. Nothing is fetched once the environment is there.
docs: $(READY)
	OMP_NUM_THREADS=1 $(BIN)/python -m sphinx -W --keep-going -n -q -j $(WORKERS) \
		-d build/doctrees docs build/docs

# The page itself is in condcap_sk/explorer/page, for wheels; with its models, for the site, in
# build/explorer. `make docs` takes it into the site if it is there.
explorer: explorer/models/models.json
	cd explorer && npm ci --silent && npm run --silent build
	rm -rf build/explorer && mkdir -p build/explorer
	cp -r condcap_sk/explorer/page build/explorer/explore
	cd explorer/models && cp -r digits scenes models.json ../../build/explorer/explore

explorer/models/models.json: explorer/make_models.py | $(READY)
	OMP_NUM_THREADS=1 $(BIN)/python explorer/make_models.py

test-explorer: explorer
	cd explorer && PYTHON=$(CURDIR)/$(BIN)/python npm test

# Needs no .venv: what it builds and tries has environments of its own. TAG=v1.2.3 is to be released.
dist:
	$(PYTHON) .ci/dist.py $(if $(TAG),--tag $(TAG))

benchmark: $(READY)
	$(BIN)/python benchmarks/grid_mnist.py
	$(BIN)/python benchmarks/speed.py

# The stamp comes last, so that an interrupted set-up starts over.
$(READY): setup.cfg pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; v = sys.version_info; sys.exit(None if v >= (3, 11) else "Python %d.%d is too old, 3.11 is needed: make PYTHON=/path/to/python3.11" % v[:2])'
	$(PYTHON) -m venv --upgrade-deps .venv
	$(BIN)/python $(INSTALL) --editable '.[dev]'
	touch $(READY)

clean:
	rm -rf .venv demo build dist docs/gallery docs/generated docs/sg_execution_times.rst *.egg-info .pytest_cache .ruff_cache .mypy_cache
	rm -rf explorer/node_modules explorer/models condcap_sk/explorer/page
