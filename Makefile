# Needs python3.11 (with venv), git and make; everything else is installed into .venv.
# pip and not uv: pip byte-compiles what it installs, and so must we, or every Ray worker compiles torch anew.

BIN := $(CURDIR)/.venv/bin
STAMP := .venv/.installed
MARKS ?= not slow and not nightly and not cluster and not gpu and not browser
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help setup test test-all test-nightly test-cluster test-plain-ray test-gpu run lint types imports check docs benchmark clean

help:  ## show this list
	@sed -n 's/^\([a-z-]*\):.*## /  make \1\t/p' Makefile | expand -t 20

setup: $(STAMP)  ## install everything into .venv (only when pyproject.toml or constraints.txt changed)

$(STAMP): pyproject.toml constraints.txt
	@for name in python3.11 python3 python; do \
	  $$name -c 'import sys, venv, ensurepip; sys.exit(sys.version_info[:2] != (3, 11))' 2>/dev/null && found=$$name && break; \
	done; \
	[ -n "$$found" ] || { echo "make setup: no Python 3.11 with venv among python3.11, python3, python" >&2; exit 2; }; \
	[ -x $(BIN)/python ] || $$found -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --upgrade 'pip>=25.1'
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[trees,lightning,linear,lake,lineage,sql,examples]' --group dev
	@# Beside CPU torch its wheel breaks torchmetrics and transformers.
	@$(BIN)/python -c 'import importlib.util, sys; sys.exit("torchvision is installed: remove it" if importlib.util.find_spec("torchvision") else 0)'
	@touch $@

# Tests without Ray run two at a time; those with Ray as well, a file in one process, which has a Ray of its own; those
# that look at the clock or start a cluster one by one. The first failure is the end's. Exit 5 of pytest: nothing of this
# kind was asked for.
define tests
@end=5; \
part() { $(BIN)/python -m pytest "$$@" $(ARGS); code=$$?; [ $$code -eq 5 ] || [ $$end -ne 0 -a $$end -ne 5 ] || end=$$code; }; \
part -n 2 -m "not ray and ($(1))"; \
part -n 2 --dist loadfile -m "ray and not alone and not cluster and ($(1))"; \
part -m "ray and (alone or cluster) and ($(1))"; \
exit $$end
endef

test: setup  ## the tests of every day: at most 10 minutes (ARGS="tests/spec -x" for some, MARKS="slow" for others)
	$(call tests,$(MARKS))

test-all: setup  ## those, the slow ones, pages in chromium if it is there, some on clusters: at most 30 minutes
	$(call tests,not gpu and not nightly)

test-nightly: setup  ## those that take minutes for a rare fault, and the slow ones on clusters
	$(call tests,nightly and not gpu)

test-cluster: setup  ## all that start a Ray cluster and use it from outside; as root those on several machines too
	$(call tests,cluster)

test-plain-ray: export RAYTEMPLATE_PLAIN_RAY = 1
test-plain-ray: setup  ## all with Ray on this machine, with no private part of Ray in use
	$(call tests,ray and not cluster and not gpu)

test-gpu: setup  ## those that need a GPU
	$(BIN)/python -m pytest -m gpu $(ARGS)

# Prints a command and runs it in a folder. Exit 5 (held or rejected) is a result, not a failure.
define step
@printf '\n$$ %s\n' "$(2)"; cd $(1) && { PATH="$(BIN):$$PATH" $(2) || { code=$$?; [ $$code -eq 5 ] || exit $$code; \
  echo "(exit 5: the verdict above did not promote it)"; }; }
endef

run: setup  ## retrain on real flights for two months in demo/, show verdicts and the champion
	$(call step,.,raytemplate init demo --example flights)
	$(call step,demo,raytemplate check flights-air-time.yaml)
	$(call step,demo,raytemplate plan flights-air-time.yaml --as-of 2013-06-01)
	$(call step,demo,raytemplate run flights-air-time.yaml --as-of 2013-06-01)
	$(call step,demo,raytemplate run flights-air-time.yaml --as-of 2013-07-01)
	$(call step,demo,raytemplate runs)
	$(call step,demo,raytemplate show flights-air-time)

lint: setup  ## ruff: findings and format
	$(BIN)/ruff check
	$(BIN)/ruff format --check

types: setup  ## pyright, strict
	$(BIN)/pyright

imports: setup  ## import-linter: which room may import which
	$(BIN)/lint-imports

check: lint types imports  ## all three

docs: setup  ## write into docs/ what the code knows: fields, options, gates, failures
	$(BIN)/python docs/generate.py

benchmark: setup  ## compare with what people write by hand, on this machine (minutes)
	[ -f demo/flights-air-time.yaml ] || $(BIN)/raytemplate init demo --example flights
	$(BIN)/python benchmarks/one_machine.py demo $(ARGS)

clean:  ## remove what these commands made, .venv and demo/ included
	rm -rf .venv demo dist .pytest_cache .ruff_cache .hypothesis .import_linter_cache
	find raytemplate tests benchmarks -name __pycache__ -type d -prune -exec rm -rf {} +
