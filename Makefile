# Two commands for newcomers: `make book` and `make test`. Both make .venv first; nothing needs root or a GPU.
# Paths are relative, so the checkout may lie in a folder whose name has spaces.

PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv/bin
# Waiting threads sleep instead of spinning: two jobs on two cores otherwise stall one another.
export OMP_WAIT_POLICY := PASSIVE
# glibc keeps freed memory: without this, page faults make the networks two to three times slower.
export MALLOC_MMAP_THRESHOLD_ := 4294967296
export MALLOC_TRIM_THRESHOLD_ := 17179869184
export MALLOC_TOP_PAD_ := 268435456
export MPLBACKEND := Agg
export PYTHONWARNINGS := ignore
BOOK_FLAGS ?=

.PHONY: book test test-slow serve setup results lock clean

book: results
	$(VENV)/python book/build.py $(BOOK_FLAGS)

results: setup
	$(VENV)/repro run --live --results build/results

test: setup
	$(VENV)/python -m pytest

test-slow: setup
	$(VENV)/python -m pytest -m slow

serve: setup
	$(VENV)/python book/build.py --serve

setup: .venv/installed

.venv/installed: pyproject.toml constraints.txt
	@"$(PYTHON)" -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11) and "make: Python 3.11 is needed; name it: make PYTHON=/path/to/python3.11")'
	test -x $(VENV)/python || "$(PYTHON)" -m venv .venv
	$(VENV)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[test]'
	touch $@

lock: setup
	$(VENV)/python -m pip freeze --exclude-editable | sed 's/+c[pu][a-z0-9]*$$//'

clean:
	rm -rf build
