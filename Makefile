# Each target makes .venv from requirements.lock when it is missing or older than the lock.
PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.made-from-lock
export NUMBA_CACHE_DIR ?= $(CURDIR)/.numba_cache

.PHONY: demo test test-slow soak bench lint docs readme samples lock clean
.DEFAULT_GOAL := test

$(READY): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "Python 3.11 or newer is needed: make PYTHON=/path/to/python3.11 $(MAKECMDGOALS)" >&2; exit 1; }
	$(PYTHON) -m venv --clear .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $(READY)

demo: $(READY)
	$(BIN)/densitometry demo demo_output

test: $(READY)
	$(BIN)/python -m pytest -n auto

test-slow: $(READY)
	$(BIN)/python -m pytest -n auto -m slow

soak: $(READY)
	$(BIN)/python -m pytest -m soak

bench: $(READY)
	$(BIN)/python -m benchmarks
	$(BIN)/python -m benchmarks.second --count 10 --jobs 2 --document
	$(BIN)/python -m benchmarks.anatomy --document

lint: $(READY)
	$(BIN)/ruff check src tests
	$(BIN)/mypy
	$(BIN)/lint-imports

docs: $(READY)
	$(BIN)/python docs/generate.py

readme: $(READY)
	$(BIN)/python docs/readme_picture.py

samples: $(READY)
	rm -rf build/sample_images sample_images/sub-* sample_images/derivatives sample_images/sourcedata
	$(BIN)/densitometry simulate build/sample_images --preset clipped --seed 11 --size-px 800 640 --um-per-px 8 --jpeg \
	  --visits 3 --people 2 --site vertex --site occiput --replicates 2 --turnover-pct 5 \
	  --gain-pct 25 --thickening-pct 12 --agent minoxidil_topical --agent botulinum_toxin_a
	$(BIN)/densitometry simulate build/sample_images/sourcedata --preset clipped --seed 11 --size-px 960 768 --jpeg
	$(BIN)/densitometry simulate build/sample_images/sourcedata --preset ordinary --seed 12 --size-px 640 512 --um-per-px 8 --jpeg
	$(BIN)/densitometry simulate build/sample_images/sourcedata --preset thinning --seed 13 --size-px 640 512 --um-per-px 8 --jpeg
	cp -R build/sample_images/. sample_images/

lock:
	$(PYTHON) -m pip install --quiet uv
	$(PYTHON) -m uv pip compile pyproject.toml --group dev --universal --python-version 3.11 --generate-hashes \
	  --no-emit-index-url --no-emit-find-links --no-annotate --no-header --quiet -o requirements.lock

clean:
	rm -rf .venv .numba_cache .pytest_cache .mypy_cache .ruff_cache dist demo_output
