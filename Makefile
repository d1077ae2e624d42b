# The two commands: `make demo` and `make test`. Both make their own virtual environment first.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin

# Of scripts, only that what they import and call is there.
LOOSELY := $(addprefix --disable-error-code ,arg-type assignment call-arg has-type index list-item misc \
	no-any-return no-untyped-call return-value type-arg union-attr unused-ignore var-annotated)

.PHONY: demo test install lint site clean

demo: install
	$(BIN)/python demo/run.py --out runs/demo

test: install lint
	$(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder

lint: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/mypy benchmarks demo scripts $(LOOSELY)
	$(BIN)/lint-imports

site: install
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

install: $(VENV)/installed

$(VENV)/installed: pyproject.toml constraints.txt scripts/system-packages.sh
	bash scripts/system-packages.sh
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable ".[dev]"
	touch $@

clean:
	rm -rf $(VENV) runs site .pytest_cache .mypy_cache .ruff_cache .import_linter_cache
