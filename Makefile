# Every target sets up what it needs in .venv; a Python 3.11+ and make are enough.
PYTHON ?= $(shell for p in python3 python3.12 python3.11 python3.13 python3.14 python; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
BIN := .venv/bin
READY := .venv/.ready
NO_TESTS := 5 # how pytest ends where none was chosen

.PHONY: help setup demo docs test lint format stubs accept lock clean
help:  ## list the targets
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 10

setup: $(READY)  ## create .venv with the locked versions and this project

$(READY): requirements.lock pyproject.toml
	@test -n "$(PYTHON)" || { echo "symae needs Python 3.11 or newer: install it, or run make PYTHON=/path/to/python"; exit 2; }
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	test -x $(BIN)/uv || $(BIN)/python -m pip install --quiet uv
	$(BIN)/uv pip install --quiet --python $(BIN)/python -r requirements.lock
	$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --editable .
	@touch $@

demo: setup  ## train, export, serve and call it all on real photographs; writes demo/index.html
	$(BIN)/symae demo --out demo

docs: setup  ## build the site of the docs in site/; make docs ARGS=serve shows it while it is written
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs $(or $(ARGS),build --strict)

test: setup  ## run the tests, a file a process; after them, one by one, those that measure time
	$(BIN)/python -m pytest --numprocesses auto --maxprocesses 4 --dist loadfile -m "not alone" $(ARGS) || test $$? = $(NO_TESTS)
	$(BIN)/python -m pytest -m alone $(or $(ARGS),$$(grep -rl --include='*.py' mark.alone tests)) || test $$? = $(NO_TESTS)

lint: setup  ## ruff, formatting and mypy
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: setup  ## format the code and mend what ruff can
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

stubs: setup  ## generate serve/pb from protos
	$(BIN)/python -m grpc_tools.protoc -Iserve/pb=protos --python_out=. --pyi_out=. --grpc_python_out=. \
		serve/pb/symae/v1/symae.proto
	$(BIN)/python -m grpc_tools.protoc -Iserve/pb=protos --pyi_out=. \
		--descriptor_set_out=serve/pb/inference/inference.binpb serve/pb/inference/inference.proto

accept: setup  ## commit additions to symae.v1 as public, from when on they may not change
	$(BIN)/python -m pytest -q tests/protos/test_compatible.py -k was_public
	$(BIN)/python -m grpc_tools.protoc -Iprotos --descriptor_set_out=protos/symae/v1/symae.binpb symae/v1/symae.proto

lock: setup  ## pin all versions anew in requirements.lock, and the images' in deploy/*.lock
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --extra dev --no-emit-index-url --no-header \
		--upgrade pyproject.toml --output-file requirements.lock
	for variant in cpu gpu; do $(BIN)/uv pip compile --quiet --universal --python-version 3.12 --extra server --extra otel \
		--no-emit-index-url --no-header --generate-hashes --upgrade --constraint requirements.lock \
		pyproject.toml deploy/$$variant.in --output-file deploy/$$variant.lock; done

clean:  ## remove what make wrote
	rm -rf .venv demo site .mypy_cache .ruff_cache .pytest_cache
