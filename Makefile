# make demo   runs the chess study           make lint   ruff and mypy
# make test   passes the fast tests          make check  passes the slow ones: wheel, docs, engine, browser
# All set-up is done by whichever comes first.
PYTHON ?= python3
VENV := .venv
W2SLAB := $(VENV)/bin/w2slab
INSTALL := $(VENV)/bin/pip install --quiet --disable-pip-version-check --constraint constraints.txt
SLOW := wheel or docs or engine or browser or slow
PYTEST := OMP_NUM_THREADS=1 $(VENV)/bin/pytest --numprocesses 2 --dist worksteal -rs

.PHONY: demo test check lint browser-and-engine clean

demo: $(VENV)/.installed
	$(W2SLAB) run examples/chess.yaml

test: $(VENV)/.installed-dev
	$(PYTEST) -m "not ($(SLOW))"

check: $(VENV)/.installed-dev browser-and-engine
	$(PYTEST) -m "$(SLOW)"

lint: $(VENV)/.installed-dev
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: $(VENV)/bin/python pyproject.toml constraints.txt
	$(INSTALL) --editable .
	touch $@

$(VENV)/.installed-dev: $(VENV)/.installed
	$(INSTALL) --editable ".[chess,lora,minilm,dev]"
	touch $@

# Stockfish and Chromium serve some of the tests; where they cannot be installed, those tests skip and say so.
browser-and-engine:
	@if ! { test -x /usr/games/stockfish || command -v stockfish >/dev/null; } \
	    || ! { command -v chromium || command -v chromium-browser || command -v google-chrome; } >/dev/null; then \
	  if command -v apt-get >/dev/null && test "$$(id -u)" = 0; then \
	    apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq stockfish chromium >/dev/null \
	      || echo "Stockfish or Chromium could not be installed; the tests that need them will skip."; \
	  else \
	    echo "Stockfish or Chromium is missing (apt install stockfish chromium); the tests that need them will skip."; \
	  fi; \
	fi

clean:
	rm -rf $(VENV) examples/.w2slab examples/*-report
